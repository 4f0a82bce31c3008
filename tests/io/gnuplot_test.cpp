#include "maml/base/error.h"
#include "maml/io/gnuplot.h"
#include "maml/io/plot_axis.h"
#include "tests/io/scratch_folder.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <doctest/doctest.h>
#include <limits>

using namespace maml;
using maml_test::bytes_of;
using maml_test::in_child;
using maml_test::ScratchFolder;

namespace {

const double not_a_number = std::numeric_limits<double>::quiet_NaN();

Figure sample() {
  Figure figure;
  figure.title = "it's \"so\": <b> & `ls` $x @y {z}_1^2 \\n %d\nsecond line";
  figure.x_label = "iteration";
  figure.y_label = "\xc2\xb5";
  figure.curves.push_back({"band", {1, 2, 3}, {}, {1, 2, 3}, {2, 3, 4}, Curve::Style::band});
  figure.curves.push_back({"END_OF_DATA", {1, 2, 3}, {1, not_a_number, 3}});
  figure.curves.push_back({"", {1, 2}, {2, 1}, {}, {}, Curve::Style::dashed, palette::black});
  figure.curves.push_back({"points", {1, 2}, {2, 1}, {}, {}, Curve::Style::points, 13});
  return figure;
}

bool has_gnuplot() {
  if (gnuplot_available()) return true;
  MESSAGE("SKIPPED: gnuplot is not installed (apt install gnuplot-nox)");
  return false;
}

}  // namespace

TEST_CASE("a page is written as PNG and SVG and nothing else") {
  if (!has_gnuplot()) return;
  const ScratchFolder folder;
  Page page{{sample(), sample(), sample(), sample(), sample(), sample()}, 2};
  const Figure::Legend legends[] = {Figure::Legend::top_right,   Figure::Legend::top_left, Figure::Legend::bottom_right,
                                    Figure::Legend::bottom_left, Figure::Legend::below,    Figure::Legend::none};
  for (std::size_t i = 0; i < page.panels.size(); ++i) page.panels[i].legend = legends[i];
  page.panels[1].log_x = page.panels[1].log_y = true;
  page.panels[2].x_range = {0, 50000};
  page.panels[3].y_range = {-1, 1};
  plot(page, folder.file("it's a page"));
  CHECK(folder.files() == 2);
  CHECK(bytes_of(folder.file("it's a page.png")).starts_with("\x89PNG"));
  const std::string svg = bytes_of(folder.file("it's a page.svg"));
  CHECK(svg.find("</svg>") != svg.npos);
  CHECK(svg.find("it's \"so\": &lt;b> &amp; `ls` $x @y {z}_1^2 \\n %d second line") != svg.npos);
  CHECK(svg.find("40k") != svg.npos);
  plot(page, folder.file("again"));
  CHECK(bytes_of(folder.file("again.svg")) == svg);
  CHECK_THROWS_AS(plot(page, folder.file("no/page")), Error);
}

TEST_CASE("figures with hardly any data are drawn") {
  if (!has_gnuplot()) return;
  const ScratchFolder folder;
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<std::vector<double>> cases = {
      {not_a_number, not_a_number}, {0, 0},       {-1, -2}, {5, 5}, {1e-9, 1e9}, {1e20, 1.0001e20}, {1e-308, 1e-300},
      {-1.7e308, 1.7e308},          {infinity, 1}};
  for (const auto& y : cases) {
    Figure figure;
    figure.curves.push_back({"y", {0, 0}, y});
    Figure empty;
    empty.curves.push_back({"none", {}, {}});
    empty.curves.push_back({"none", {}, {}, {}, {}, Curve::Style::band});
    Figure log = figure;
    log.log_x = log.log_y = true;
    plot({{figure, log, empty}}, folder.file("page"));
    CHECK(folder.files() == 2);
  }
}

TEST_CASE("what cannot be drawn is refused") {
  const ScratchFolder folder;
  const std::string path = folder.file("page");
  CHECK_THROWS_AS(plot({}, path), Error);
  CHECK_THROWS_AS(plot({{Figure()}}, path), Error);
  Figure figure = sample();
  figure.curves[1].y.pop_back();
  CHECK_THROWS_WITH_AS(plot({{figure}}, path),
                       "[plot] curve `END_OF_DATA` has 3 x, but 2 y values (give as many of each)", Error);
  figure = sample();
  figure.y_range = {1, 1};
  CHECK_THROWS_AS(plot({{figure}}, path), Error);
  figure.y_range = {0, 1};
  figure.log_y = true;
  CHECK_THROWS_AS(plot({{figure}}, path), Error);
  CHECK(folder.files() == 0);
}

TEST_CASE("a missing or failing gnuplot is named") {
  const ScratchFolder folder;
  const auto message_with_path = [&](const std::string& expected) {
    return in_child([&] {
      ::setenv("PATH", folder.path().c_str(), 1);
      try {
        plot({{sample()}}, folder.file("page"));
      } catch (const Error& error) {
        return std::string(error.what()).find(expected) != std::string::npos ? 0 : 1;
      }
      return 2;
    });
  };
  CHECK(message_with_path("[gnuplot] not found (apt install gnuplot-nox)") == 0);
  maml_test::put_bytes(folder.file("gnuplot"), "#!/bin/sh\necho line 3: no such terminal >&2\nexit 1\n");
  std::filesystem::permissions(folder.file("gnuplot"), std::filesystem::perms::owner_all);
  CHECK(message_with_path("[gnuplot] failed:\nline 3: no such terminal") == 0);
  CHECK(folder.files() == 1);
}

TEST_CASE("ticks are round and do not crowd") {
  CHECK(linear_ticks(-5, 5, 6) == std::vector<double>{-4, -2, 0, 2, 4});
  CHECK(linear_ticks(0, 60000, 6) == std::vector<double>{0, 10000, 20000, 30000, 40000, 50000, 60000});
  CHECK(log_ticks(0.3, 4) == std::vector<double>{0.5, 1, 2});
  CHECK(log_ticks(1e-8, 1).size() == 9);
  for (double low : {-1e9, -3.0, 0.0, 1e-7, 5.0})
    for (double width : {1e-9, 0.3, 1.0, 7.0, 1e5}) {
      const auto ticks = linear_ticks(low, low + width, 6);
      CAPTURE(low);
      CAPTURE(width);
      CHECK(ticks.size() <= 9);
      CHECK(std::is_sorted(ticks.begin(), ticks.end()));
    }
}
