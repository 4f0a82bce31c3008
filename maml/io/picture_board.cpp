#include "maml/io/picture_board.h"

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/io/csv_log.h"
#include "maml/io/gnuplot_script.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string_view>

namespace maml {

namespace {

constexpr double title_size = 11, heading_size = 9.5, label_size = 9, small_size = 8;
constexpr double widest_label = 130, widest_caption = 96;
constexpr std::size_t margin = 12, gap = 8, column_gap = 28, frame_width = 3, largest_side = 8192;
constexpr std::uint32_t text_color = 0x202020, soft_color = 0x606060, line_color = 0xC8C8C8;

/// The characters of a text; bytes that are no UTF-8 become U+FFFD.
std::vector<std::string> characters(const std::string& text) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const std::size_t length = byte < 0x80 ? 1 : byte >= 0xF0 && byte < 0xF5 ? 4 : byte >= 0xE0 ? 3 : 2;
    bool valid = byte < 0x80 || (byte >= 0xC2 && byte < 0xF5 && at + length <= text.size());
    for (std::size_t i = 1; valid && i < length; ++i) valid = (static_cast<unsigned char>(text[at + i]) & 0xC0) == 0x80;
    result.push_back(valid ? text.substr(at, length) : "\xEF\xBF\xBD");
    at += valid ? length : 1;
  }
  return result;
}

/// Of a character, in font sizes, for DejaVu Sans and fonts like it.
double character_width(const std::string& character) {
  static constexpr std::string_view narrow = "ijl.,:;'|!I ()[]ftr/-", wide = "mwMW@%";
  const auto byte = static_cast<unsigned char>(character[0]);
  if (byte >= 0xE2) return 1.05;  // the ellipsis; Chinese, Japanese, Korean; pictures
  if (narrow.find(character[0]) != narrow.npos) return 0.4;
  if (wide.find(character[0]) != wide.npos) return 1;
  return byte >= 'A' && byte <= 'Z' ? 0.74 : 0.64;
}

double width_of(std::span<const std::string> text, double font_size) {
  return std::accumulate(text.begin(), text.end(), 0.0,
                         [&](double sum, const auto& one) { return sum + font_size * character_width(one); });
}

std::string joined(std::span<const std::string> characters) {
  return std::accumulate(characters.begin(), characters.end(), std::string());
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// Points that a line of text takes up.
std::size_t line_height(double font_size) {
  return static_cast<std::size_t>(std::lround(font_size * 1.45));
}

std::string color_text(std::uint32_t color) {
  std::string text = "rgb '#";
  for (int shift = 20; shift >= 0; shift -= 4) text += "0123456789ABCDEF"[color >> shift & 15];
  return text + "'";
}

/// Points of the board, row by row from the top, three bytes each.
class Canvas {
public:
  Canvas(std::size_t height, std::size_t width) : height_(height), width_(width), bytes_(3 * height * width, 255) {}
  std::size_t height() const { return height_; }
  std::size_t width() const { return width_; }

  void fill(std::size_t top, std::size_t left, std::size_t height, std::size_t width, std::uint32_t color) {
    for (std::size_t y = top; y < top + height; ++y)
      for (std::size_t x = left; x < left + width; ++x)
        for (std::size_t c = 0; c < 3; ++c) at(y, x)[c] = static_cast<std::uint8_t>(color >> (16 - 8 * c));
  }
  void put(std::size_t top, std::size_t left, const BoardPicture& picture, std::size_t enlargement) {
    for (std::size_t y = 0; y < picture.height * enlargement; ++y)
      for (std::size_t x = 0; x < picture.width * enlargement; ++x) {
        const std::size_t pixel = y / enlargement * picture.width + x / enlargement;
        for (std::size_t c = 0; c < 3; ++c)
          at(top + y, left + x)[c] = picture.pixels[pixel * picture.channels + (picture.channels == 3 ? c : 0)];
      }
  }
  /// As gnuplot's binary images lie: from the bottom row up.
  std::vector<std::byte> from_bottom() const {
    std::vector<std::byte> result(bytes_.size());
    for (std::size_t y = 0; y < height_; ++y)
      std::transform(bytes_.end() - static_cast<std::ptrdiff_t>((y + 1) * 3 * width_),
                     bytes_.end() - static_cast<std::ptrdiff_t>(y * 3 * width_),
                     result.begin() + static_cast<std::ptrdiff_t>(y * 3 * width_),
                     [](std::uint8_t value) { return std::byte{value}; });
    return result;
  }

private:
  std::uint8_t* at(std::size_t y, std::size_t x) { return bytes_.data() + 3 * (y * width_ + x); }
  std::size_t height_, width_;
  std::vector<std::uint8_t> bytes_;
};

bool has_captions(const PictureRow& row) {
  return std::any_of(row.pictures.begin(), row.pictures.end(), [](const auto& one) { return !one.caption.empty(); });
}

/// What all rows of a board share, in points. Rows with captions have cells as wide as these want.
struct Layout {
  std::size_t label = 0;                     ///< of the labels, with the gap after them
  std::size_t cell = 0, captioned_cell = 0;  ///< of a picture in a row without and with captions
  std::size_t rim = 1;                       ///< of frames
  std::size_t top = margin;                  ///< where the rows begin
  std::size_t side = 0;

  explicit Layout(const PictureBoard& board) : side(board.side) {
    double label_width = 0, caption_width = 0;
    for (const auto& row : board.rows) {
      for (const auto& line : lines_of(row.label)) label_width = std::max(label_width, text_width(line, label_size));
      for (const auto& picture : row.pictures) {
        cell = std::max(cell, picture.width * enlargement(picture));
        for (const auto& line : lines_of(picture.caption))
          caption_width = std::max(caption_width, text_width(line, small_size));
        if (picture.frame) rim = frame_width;
      }
    }
    if (label_width > 0) label = static_cast<std::size_t>(std::min(label_width, widest_label)) + gap;
    cell += 2 * rim;
    captioned_cell = std::max(cell, static_cast<std::size_t>(std::min(caption_width, widest_caption)) + 1);
    if (!board.title.empty()) top += line_height(title_size) + 2;
    const std::size_t note_lines = lines_of(board.note).size();
    if (note_lines > 0) top += note_lines * line_height(small_size) + 4;
  }

  std::size_t cell_width(const PictureRow& row) const { return has_captions(row) ? captioned_cell : cell; }
  std::size_t enlargement(const BoardPicture& picture) const {
    return std::max<std::size_t>(1, side / std::max(picture.height, picture.width));
  }
  std::size_t heading_height(const PictureRow& row) const {
    return row.heading.empty() ? 0 : line_height(heading_size) + 4;
  }
  /// Of the pictures with their frames.
  std::size_t picture_height(const PictureRow& row) const {
    std::size_t tallest = 0;
    for (const auto& picture : row.pictures) tallest = std::max(tallest, picture.height * enlargement(picture));
    return tallest + 2 * rim;
  }
  std::size_t caption_height(const PictureRow& row) const {
    std::size_t lines = 0;
    for (const auto& picture : row.pictures) lines = std::max(lines, lines_of(picture.caption).size());
    return lines == 0 ? 0 : lines * line_height(small_size) + 2;
  }
  std::size_t height(const PictureRow& row) const {
    return heading_height(row) + picture_height(row) + caption_height(row) + gap;
  }
  /// With its label and heading.
  std::size_t width(const PictureRow& row) const {
    const std::size_t pictures = label + row.pictures.size() * (cell_width(row) + gap) - gap;
    return std::max(pictures, static_cast<std::size_t>(text_width(row.heading, heading_size)) + 1);
  }
};

/// Where rows lie, and how large the board is around them.
struct Places {
  struct Place {
    std::size_t x, y;
  };
  std::vector<Place> rows;
  std::size_t height = 0, width = 0;

  Places(const PictureBoard& board, const Layout& layout) {
    std::size_t left = margin, right = margin, y = layout.top;
    for (const auto& row : board.rows) {
      if (row.begins_column && !rows.empty()) left = right + column_gap, y = layout.top;
      rows.push_back({left, y});
      y += layout.height(row);
      height = std::max(height, y - gap + margin);
      right = std::max(right, left + layout.width(row));
    }
    double header = text_width(board.title, title_size);
    for (const auto& line : lines_of(board.note)) header = std::max(header, text_width(line, small_size));
    width = std::max(right, margin + static_cast<std::size_t>(header) + 1) + margin;
  }
};

void check(const PictureBoard& board) {
  require(!board.rows.empty(), "board", "has no rows (give it at least one)");
  require(board.side >= 1 && board.side <= largest_side, "board", "has pictures of side ", board.side,
          ", but must have 1 to ", largest_side, " points");
  for (std::size_t i = 0; i < board.rows.size(); ++i) {
    const auto& pictures = board.rows[i].pictures;
    require(!pictures.empty(), "board", "row ", i, " has no pictures (give it at least one)");
    for (std::size_t j = 0; j < pictures.size(); ++j) {
      const BoardPicture& one = pictures[j];
      require(one.channels == 1 || one.channels == 3, "board", "picture ", j, " of row ", i, " has ", one.channels,
              " channels, which make no picture (1 or 3 do)");
      require(one.height >= 1 && one.width >= 1 && one.height <= largest_side && one.width <= largest_side &&
                  one.pixels.size() == one.height * one.width * one.channels,
              "board", "picture ", j, " of row ", i, " is ", one.height, " x ", one.width, " x ", one.channels,
              ", but has ", one.pixels.size(), " bytes");
    }
  }
}

/// Smaller by that whole number, each pixel the mean of those it stands for.
void reduce(BoardPicture& picture, std::size_t by) {
  const std::size_t height = (picture.height + by - 1) / by, width = (picture.width + by - 1) / by;
  std::vector<std::uint8_t> pixels;
  pixels.reserve(height * width * picture.channels);
  for (std::size_t y = 0; y < picture.height; y += by)
    for (std::size_t x = 0; x < picture.width; x += by)
      for (std::size_t c = 0; c < picture.channels; ++c) {
        const std::size_t bottom = std::min(y + by, picture.height), right = std::min(x + by, picture.width);
        std::size_t sum = 0;
        for (std::size_t row = y; row < bottom; ++row)
          for (std::size_t column = x; column < right; ++column)
            sum += picture.pixels[(row * picture.width + column) * picture.channels + c];
        const std::size_t count = (bottom - y) * (right - x);
        pixels.push_back(static_cast<std::uint8_t>((sum + count / 2) / count));
      }
  picture.height = height;
  picture.width = width;
  picture.pixels = std::move(pixels);
}

void reduce_large(PictureBoard& board) {
  for (auto& row : board.rows)
    for (auto& picture : row.pictures) {
      const std::size_t longest = std::max(picture.height, picture.width), most = 2 * board.side;
      if (longest > most) reduce(picture, (longest + most - 1) / most);
    }
}

/// Puts the board's pictures on a canvas and its texts into gnuplot's commands.
class Painter {
public:
  explicit Painter(const PictureBoard& board) : layout_(board), places_(board, layout_), canvas_(canvas_for(places_)) {
    std::size_t y = margin;
    const auto header = [&](const std::string& text, double size, std::uint32_t color) {
      write(text, margin, static_cast<double>(y), size, color, "left");
      y += line_height(size);
    };
    if (!board.title.empty()) header(board.title, title_size, text_color);
    for (const auto& line : lines_of(board.note)) header(line, small_size, soft_color);
    for (std::size_t i = 0; i < board.rows.size(); ++i) paint(board.rows[i], places_.rows[i].x, places_.rows[i].y);
  }
  const Canvas& canvas() const { return canvas_; }
  const std::string& labels() const { return labels_; }

private:
  static Canvas canvas_for(const Places& places) {
    require(places.height <= largest_side && places.width <= largest_side, "board", "of ", places.width, " x ",
            places.height, " points is larger than ", largest_side, " a side (give it fewer or smaller pictures)");
    return Canvas(places.height, places.width);
  }

  /// y: of the line's top.
  void write(const std::string& text, double x, double y, double size, std::uint32_t color, const char* where) {
    const double middle = static_cast<double>(canvas_.height()) - y - static_cast<double>(line_height(size)) / 2;
    labels_ += "set label " + gnuplot_text(joined(characters(text))) + " at " + shortest_text(x) + "," +
               shortest_text(middle) + " " + where + " noenhanced front font 'DejaVu Sans," + shortest_text(size) +
               "' textcolor " + color_text(color) + "\n";
  }

  void paint(const PictureRow& row, std::size_t x, std::size_t y) {
    const auto left = static_cast<double>(x);
    if (!row.heading.empty()) write(row.heading, left, static_cast<double>(y), heading_size, text_color, "left");
    y += layout_.heading_height(row);
    const std::size_t height = layout_.picture_height(row);
    const auto lines = lines_of(row.label);
    const auto line = static_cast<double>(line_height(label_size));
    double top = static_cast<double>(y) + (static_cast<double>(height) - static_cast<double>(lines.size()) * line) / 2;
    for (const auto& text : lines) {
      write(shortened(text, widest_label, label_size), left, top, label_size, text_color, "left");
      top += line;
    }
    x += layout_.label;
    const std::size_t cell = layout_.cell_width(row);
    for (const auto& picture : row.pictures) {
      paint(picture, x, y, cell, height);
      x += cell + gap;
    }
  }

  /// x, y, cell, height: where the picture's place begins and how large it is.
  void paint(const BoardPicture& picture, std::size_t x, std::size_t y, std::size_t cell, std::size_t height) {
    const std::size_t enlargement = layout_.enlargement(picture);
    const std::size_t tall = picture.height * enlargement, wide = picture.width * enlargement;
    const std::size_t rim = picture.frame ? frame_width : 1;
    const std::size_t top = y + (height - tall) / 2, left = x + (cell - wide) / 2;
    canvas_.fill(top - rim, left - rim, tall + 2 * rim, wide + 2 * rim,
                 picture.frame ? palette_rgb(*picture.frame) : line_color);
    canvas_.put(top, left, picture, enlargement);
    double line_top = static_cast<double>(y + height) + 1;
    for (const auto& line : lines_of(picture.caption)) {
      const auto room = static_cast<double>(cell);
      write(shortened(line, room, small_size), static_cast<double>(x) + room / 2, line_top, small_size, text_color,
            "center");
      line_top += static_cast<double>(line_height(small_size));
    }
  }

  Layout layout_;
  Places places_;
  Canvas canvas_;
  std::string labels_;
};

}  // namespace

double text_width(const std::string& text, double font_size) {
  return width_of(characters(text), font_size);
}

std::string shortened(const std::string& text, double width, double font_size) {
  const auto all = characters(text);
  if (width_of(all, font_size) <= width) return text;
  const std::string ellipsis = "\xE2\x80\xA6";
  const double room = width - font_size * character_width(ellipsis);
  const std::span<const std::string> whole(all);
  std::size_t head = 0, tail = 0;
  const auto fits = [&](std::size_t h, std::size_t t) {
    return h + t < all.size() && width_of(whole.first(h), font_size) + width_of(whole.last(t), font_size) <= room;
  };
  // One more at either end in turn, the beginning first.
  for (bool grows = true; grows;) {
    grows = fits(head + 1, tail);
    if (grows) ++head;
    if (fits(head, tail + 1)) ++tail, grows = true;
  }
  return joined(whole.first(head)) + ellipsis + joined(whole.last(tail));
}

void draw_board(const PictureBoard& given, const std::string& path_without_extension) {
  check(given);
  PictureBoard board = given;
  reduce_large(board);
  const Painter painter(board);
  const Canvas& canvas = painter.canvas();
  const GnuplotScript script;
  const std::string pixels = script.file("pixels");
  write_atomically(pixels, std::span<const std::byte>(canvas.from_bottom()));
  const std::string width = std::to_string(canvas.width()), height = std::to_string(canvas.height());
  script.draw("set margins 0,0,0,0\nunset border\nunset tics\nunset key\nset xrange [0:" + width + "]\nset yrange [0:" +
                  height + "]\n" + painter.labels() + "plot " + gnuplot_text(pixels) + " binary array=(" + width + "," +
                  height + ") format='%uint8' origin=(0.5,0.5) dx=1 dy=1 using 1:2:3 with rgbimage title 'pictures'\n",
              static_cast<double>(canvas.width()), static_cast<double>(canvas.height()), path_without_extension);
}

}  // namespace maml
