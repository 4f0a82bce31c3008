#include "maml/io/gnuplot.h"

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/io/csv_log.h"
#include "maml/io/plot_axis.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <spawn.h>
#include <sys/wait.h>

extern char** environ;

namespace maml {

namespace {

using Style = Curve::Style;

/// Runs `gnuplot arguments...` with all its output in the file `log`; -1 if there is no such program.
int run_gnuplot(std::vector<std::string> arguments, const std::string& log) {
  arguments.insert(arguments.begin(), "gnuplot");
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = 0;
  const int error = posix_spawnp(&child, "gnuplot", &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) return -1;
  require(error == 0, "gnuplot", "cannot be started: ", errno_text(error));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail("gnuplot", "cannot be waited for: ", errno_text(errno));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/// A folder that goes away with all its files.
struct ScratchFolder {
  std::string path;
  ScratchFolder() {
    std::error_code none;
    const auto base = std::filesystem::temp_directory_path(none);
    path = (none ? std::string("/tmp") : base.string()) + "/maml-plot-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) fail(path, "cannot be made: ", errno_text(errno), "; TMPDIR names another");
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

/// A gnuplot string that prints as `text` is: in single quotes only a quote is special, and it is doubled.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (char c : text) {
    if (c == '\'') result += '\'';
    result += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return result + "'";
}

std::string number(double value) {
  return std::isnan(value) ? "NaN" : shortest_text(value);
}

/// `rgb '#AARRGGBB'`, where AA is the transparency.
std::string color_of(const Curve& curve, double opacity) {
  static constexpr std::array<const char*, 8> colors = {"0072B2", "D55E00", "009E73", "CC79A7",
                                                        "E69F00", "56B4E9", "8C8C8C", "202020"};
  const auto index = static_cast<std::size_t>(std::max(0, curve.color)) % colors.size();
  const auto clear = static_cast<unsigned>(std::lround(255 * (1 - std::clamp(opacity, 0.0, 1.0))));
  const char* digits = "0123456789ABCDEF";
  return std::string("rgb '#") + digits[clear / 16] + digits[clear % 16] + colors[index] + "'";
}

std::string style_of(const Curve& curve) {
  const std::string width = " lw " + number(curve.width);
  switch (curve.style) {
  case Style::line:
    return "with lines lc " + color_of(curve, curve.opacity) + width;
  case Style::dashed:
    return "with lines lc " + color_of(curve, curve.opacity) + width + " dt (8, 5)";
  case Style::points:
    return "with points pt 7 ps 0.75 lc " + color_of(curve, curve.opacity);
  case Style::band:
    break;
  }
  return "with filledcurves lc " + color_of(curve, 0.2 * curve.opacity) + " fs solid 1 noborder";
}

/// The rows of a curve as a named data block.
std::string data_block(const Curve& curve, const std::string& name) {
  const bool band = curve.style == Style::band;
  const auto& first = band ? curve.low : curve.y;
  require(first.size() == curve.x.size() && (!band || curve.high.size() == curve.x.size()), "plot", "curve `",
          curve.label, "` has ", curve.x.size(), " x, but ", first.size(), band ? " low and " : " y",
          band ? std::to_string(curve.high.size()) + " high" : "", " values (give as many of each)");
  std::string text = name + " << END_OF_DATA\n";
  bool drawable = false;
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    text += number(curve.x[i]) + " " + number(first[i]) + (band ? " " + number(curve.high[i]) : "") + "\n";
    drawable = drawable || (std::isfinite(curve.x[i]) && std::isfinite(first[i]));
  }
  // An empty block is an error to gnuplot, a gap is not.
  if (!drawable) text += band ? "NaN NaN NaN\n" : "NaN NaN\n";
  return text + "END_OF_DATA\n";
}

std::string key_command(Figure::Legend legend) {
  const std::string common = " noenhanced samplen 2 spacing 1.15 ";
  switch (legend) {
  case Figure::Legend::top_right:
    return "set key" + common + "inside vertical maxcols 1 top right Left reverse\n";
  case Figure::Legend::top_left:
    return "set key" + common + "inside vertical maxcols 1 top left Left reverse\n";
  case Figure::Legend::bottom_right:
    return "set key" + common + "inside vertical maxcols 1 bottom right Left reverse\n";
  case Figure::Legend::bottom_left:
    return "set key" + common + "inside vertical maxcols 1 bottom left Left reverse\n";
  case Figure::Legend::below:
    return "set key" + common + "outside below center horizontal Left reverse\n";
  case Figure::Legend::none:
    break;
  }
  return "unset key\n";
}

std::string figure_commands(const Figure& figure, const std::string& prefix) {
  require(!figure.curves.empty(), "plot", "figure `", figure.title, "` has no curves (give it at least one)");
  std::string text, plots;
  for (std::size_t i = 0; i < figure.curves.size(); ++i) {
    const Curve& curve = figure.curves[i];
    const std::string block = "$" + prefix + "_" + std::to_string(i);
    text += data_block(curve, block);
    const std::string columns = curve.style == Style::band ? " using 1:2:3 " : " using 1:2 ";
    const std::string title = curve.label.empty() ? " notitle" : " title " + quoted(curve.label);
    plots += i == 0 ? "plot " : ", \\\n  ";
    // A white rim keeps points apart from the lines below them.
    if (curve.style == Style::points) plots += block + columns + "with points pt 7 ps 1.05 lc rgb 'white' notitle, ";
    plots += block + columns + style_of(curve) + title;
  }
  text += "set title " + quoted(figure.title) + " noenhanced offset 0,-0.3\n";
  text += "set xlabel " + quoted(figure.x_label) + " noenhanced offset 0,0.3\n";
  text += "set ylabel " + quoted(figure.y_label) + " noenhanced offset 0.6,0\n";
  text += axis_commands(figure, 'x') + axis_commands(figure, 'y');
  return text + key_command(figure.legend) + plots + "\n";
}

const char* const look = R"(set encoding utf8
set datafile missing 'NaN'
set border 3 lw 0.7 lc rgb '#404040'
set tics nomirror out scale 0.5, 0.25 textcolor rgb '#202020'
set grid lt 1 lc rgb '#E6E6E6' lw 0.6
set grid back
)";

/// One picture: its terminal, then all panels.
std::string picture(const std::string& terminal, const std::string& output, const Page& page, int columns, int rows) {
  std::string text = "reset\nset terminal " + terminal + "\nset output " + quoted(output) + "\n" + look;
  text += "set multiplot layout " + std::to_string(rows) + "," + std::to_string(columns) + "\n";
  for (std::size_t i = 0; i < page.panels.size(); ++i)
    text += figure_commands(page.panels[i], "panel" + std::to_string(i));
  return text + "unset multiplot\nunset output\n";
}

std::string size_text(double width, double height) {
  return "size " + std::to_string(std::lround(width)) + "," + std::to_string(std::lround(height));
}

/// The SVG with fonts to fall back on where the reader's machine lacks ours.
std::string with_fallback_fonts(std::string svg) {
  const std::string ours = "font-family=\"DejaVu Sans\"";
  const std::string all = "font-family=\"DejaVu Sans, Verdana, Helvetica, sans-serif\"";
  for (std::size_t at = svg.find(ours); at != svg.npos; at = svg.find(ours, at + all.size()))
    svg.replace(at, ours.size(), all);
  return svg;
}

}  // namespace

void plot(const Page& page, const std::string& path_without_extension) {
  require(!page.panels.empty(), "plot", "the page has no panels (give it at least one)");
  require(page.panel_width >= 50 && page.panel_height >= 50 && page.panel_width <= 5000 && page.panel_height <= 5000,
          "plot", "a panel of ", page.panel_width, " x ", page.panel_height,
          " is not between 50 and 5000 points a side");
  const int panels = static_cast<int>(page.panels.size());
  const int columns = page.columns > 0 ? std::min(page.columns, panels) : std::min(panels, 3);
  const int rows = (panels + columns - 1) / columns;
  const double width = columns * page.panel_width, height = rows * page.panel_height;
  const ScratchFolder scratch;
  const std::string png = scratch.path + "/page.png", svg = scratch.path + "/page.svg";
  const std::string script = scratch.path + "/page.gp", log = scratch.path + "/log";
  const std::string png_terminal = "pngcairo enhanced " + size_text(2 * width, 2 * height) +
                                   " font 'DejaVu Sans,10' fontscale 1.5 linewidth 2 pointscale 2 background '#FFFFFF'";
  const std::string svg_terminal =
      "svg enhanced " + size_text(width, height) + " dynamic font 'DejaVu Sans,10' background '#FFFFFF'";
  write_atomically(script,
                   picture(png_terminal, png, page, columns, rows) + picture(svg_terminal, svg, page, columns, rows));
  const int status = run_gnuplot({"-d", script}, log);
  require(status != -1, "gnuplot", "not found (apt install gnuplot-nox)");
  require(status == 0, "gnuplot", "failed:\n", read_text_file(log));
  write_atomically(path_without_extension + ".png", std::span<const std::byte>(read_file(png)));
  write_atomically(path_without_extension + ".svg", with_fallback_fonts(read_text_file(svg)));
}

bool gnuplot_available() {
  return run_gnuplot({"--version"}, "/dev/null") == 0;
}

}  // namespace maml
