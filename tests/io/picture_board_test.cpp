#include "maml/io/picture_board.h"

#include "maml/base/error.h"
#include "maml/images/decode.h"
#include "maml/io/gnuplot.h"
#include "maml/io/gnuplot_script.h"
#include "tests/io/scratch_folder.h"

#include <array>
#include <doctest/doctest.h>
#include <span>
#include <utility>

using namespace maml;
using maml_test::bytes_of;
using maml_test::ScratchFolder;

namespace {

/// Every pixel another colour.
BoardPicture colors(std::size_t height, std::size_t width) {
  BoardPicture picture{.height = height, .width = width, .channels = 3, .pixels = {}};
  for (std::size_t i = 0; i < height * width; ++i)
    for (std::size_t c = 0; c < 3; ++c) picture.pixels.push_back(static_cast<std::uint8_t>(37 * i + 101 * c + 5));
  return picture;
}

BoardPicture grey(std::size_t height, std::size_t width, const std::string& caption) {
  return {
      .height = height, .width = width, .pixels = std::vector<std::uint8_t>(height * width, 90), .caption = caption};
}

PictureBoard sample() {
  PictureBoard board{.title = "it's \"so\": <b> & `ls` $x {z}_1^2 \\n %d", .note = "first\nsecond", .rows = {}};
  board.rows.push_back({.heading = "support", .label = "a class with quite a long name", .pictures = {colors(4, 3)}});
  board.rows.push_back({.label = "\xC2\xB5 \xFF", .pictures = {grey(84, 84, "taken for it's\n97 %"), grey(2, 90, "")}});
  board.rows[0].pictures[0].frame = palette::vermilion;
  return board;
}

bool has_gnuplot() {
  if (gnuplot_available()) return true;
  MESSAGE("SKIPPED: gnuplot is not installed (apt install gnuplot-nox)");
  return false;
}

}  // namespace

TEST_CASE("a board is written as PNG and SVG and nothing else, its texts as they are") {
  if (!has_gnuplot()) return;
  const ScratchFolder folder;
  draw_board(sample(), folder.file("it's a board"));
  CHECK(folder.files() == 2);
  CHECK(bytes_of(folder.file("it's a board.png")).starts_with("\x89PNG"));
  const std::string svg = bytes_of(folder.file("it's a board.svg"));
  for (const char* text :
       {"</svg>", "it's \"so\": &lt;b> &amp; `ls` $x {z}_1^2 \\n %d", ">first<", ">second<", ">support<",
        ">taken for it's<", ">97 %<", ">\xC2\xB5 \xEF\xBF\xBD<", "image-rendering:pixelated"}) {
    CAPTURE(text);
    CHECK(svg.find(text) != svg.npos);
  }
  CHECK(svg.find("long name") != svg.npos);
  CHECK(svg.find("a class with quite a long name") == svg.npos);
  draw_board(sample(), folder.file("again"));
  CHECK(bytes_of(folder.file("again.svg")) == svg);
  CHECK_THROWS_AS(draw_board(sample(), folder.file("no/board")), Error);
}

TEST_CASE("a board's pixels are enlarged by a whole number and stay what they are, inside their frame") {
  if (!has_gnuplot()) return;
  const ScratchFolder folder;
  PictureBoard board;
  board.side = 30;
  board.rows.push_back({.pictures = {colors(5, 7)}});
  board.rows[0].pictures[0].frame = palette::green;
  draw_board(board, folder.file("board"));
  const std::string bytes = bytes_of(folder.file("board.png"));
  const Image drawn = decode_image(std::as_bytes(std::span(bytes)), "board.png");
  REQUIRE(drawn.channels == 3);
  using Rgb = std::array<int, 3>;
  const auto at = [](const auto& image, std::size_t y, std::size_t x) {
    const auto* p = image.pixels.data() + (y * image.width + x) * 3;
    return Rgb{p[0], p[1], p[2]};
  };
  const std::uint32_t rgb = palette_rgb(palette::green);
  const Rgb green = {static_cast<int>(rgb >> 16), static_cast<int>(rgb >> 8 & 255), static_cast<int>(rgb & 255)};
  std::size_t top = drawn.height, left = drawn.width;
  for (std::size_t y = drawn.height; y-- > 0;)
    for (std::size_t x = drawn.width; x-- > 0;)
      if (at(drawn, y, x) == green) top = y, left = std::min(left, x);
  REQUIRE(top < drawn.height);
  // Side 30 enlarges 7 pixels four times, in points of two pixels each; the frame is 3 points wide.
  const std::size_t scale = 8, rim = 6;
  REQUIRE(top + 2 * rim + 5 * scale <= drawn.height);
  REQUIRE(left + 2 * rim + 7 * scale <= drawn.width);
  std::size_t wrong = 0;
  for (std::size_t y = 0; y < 5 * scale + 2 * rim; ++y)
    for (std::size_t x = 0; x < 7 * scale + 2 * rim; ++x) {
      const bool inside = y >= rim && x >= rim && y < rim + 5 * scale && x < rim + 7 * scale;
      const Rgb expected = inside ? at(board.rows[0].pictures[0], (y - rim) / scale, (x - rim) / scale) : green;
      wrong += at(drawn, top + y, left + x) != expected;
    }
  CHECK(wrong == 0);
}

TEST_CASE("a board's large pictures are made smaller, and rows may begin another column") {
  if (!has_gnuplot()) return;
  const ScratchFolder folder;
  const auto size_of = [&](const PictureBoard& board) {
    draw_board(board, folder.file("board"));
    const std::string bytes = bytes_of(folder.file("board.png"));
    const Image drawn = decode_image(std::as_bytes(std::span(bytes)), "board.png");
    return std::pair(drawn.height, drawn.width);
  };
  PictureBoard large, small;
  large.rows.push_back({.pictures = {grey(500, 400, "")}});
  small.rows.push_back({.pictures = {grey(100, 80, "")}});
  CHECK(size_of(large) == size_of(small));
  const auto one = size_of(small);
  small.rows.push_back(small.rows[0]);
  const auto below = size_of(small);
  CHECK(below.first > one.first);
  CHECK(below.second == one.second);
  small.rows[1].begins_column = true;
  const auto beside = size_of(small);
  CHECK(beside.first == one.first);
  CHECK(beside.second > one.second);
}

TEST_CASE("long texts lose their middle") {
  CHECK(shortened("short", 100, 10) == "short");
  const std::string name = "Gurmukhi/character41/rot180";
  for (const double width : {20.0, 50.0, 90.0, 120.0}) {
    const std::string text = shortened(name, width, 9);
    CAPTURE(text);
    CHECK(text_width(text, 9) <= width);
    CHECK(text.find("\xE2\x80\xA6") != text.npos);
    CHECK(text.front() == 'G');
    CHECK(text.size() < name.size() + 3);
  }
  CHECK(shortened(name, 100, 9).ends_with("80"));
  CHECK(shortened("\xC3\xA4\xC3\xB6\xC3\xBC\xC3\xA4\xC3\xB6\xC3\xBC", 26, 10) == "\xC3\xA4\xE2\x80\xA6\xC3\xBC");
  CHECK(text_width("mmm", 10) > text_width("iii", 10));
}

TEST_CASE("boards that cannot be drawn are refused") {
  const ScratchFolder folder;
  const std::string path = folder.file("board");
  CHECK_THROWS_WITH_AS(draw_board({}, path), "[board] has no rows (give it at least one)", Error);
  PictureBoard board = sample();
  board.rows[0].pictures.clear();
  CHECK_THROWS_WITH_AS(draw_board(board, path), "[board] row 0 has no pictures (give it at least one)", Error);
  board = sample();
  board.rows[1].pictures[1].pixels.pop_back();
  CHECK_THROWS_WITH_AS(draw_board(board, path), "[board] picture 1 of row 1 is 2 x 90 x 1, but has 179 bytes", Error);
  board = sample();
  board.rows[1].pictures[0].channels = 2;
  CHECK_THROWS_AS(draw_board(board, path), Error);
  board = sample();
  board.rows[1].pictures.resize(200, grey(84, 84, ""));
  CHECK_THROWS_WITH_AS(draw_board(board, path), doctest::Contains("larger than 8192"), Error);
  CHECK(folder.files() == 0);
}
