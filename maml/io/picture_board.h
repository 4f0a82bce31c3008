#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace maml {

/// An 8-bit picture on a board: rows from the top, channels (1: grey, 3: red, green, blue) of a pixel together.
struct BoardPicture {
  std::size_t height = 0, width = 0, channels = 1;
  std::vector<std::uint8_t> pixels;
  std::string caption = {};       ///< below it; lines end in \n
  std::optional<int> frame = {};  ///< colour of the palette (gnuplot.h); none: a thin grey line
};

struct PictureRow {
  std::string heading = {};  ///< in a line of its own above the row; "": none
  std::string label = {};    ///< at its left; lines end in \n
  std::vector<BoardPicture> pictures;
  bool begins_column = false;  ///< goes to the top again, at the right of all rows before
};

/// Rows of pictures. All texts are UTF-8 and are printed as they are, without any markup; those that are too long for
/// their place are shortened in the middle.
struct PictureBoard {
  std::string title = {};
  std::string note = {};  ///< below the title, smaller; lines end in \n
  std::vector<PictureRow> rows;
  /// Pictures whose longer side has more pixels than twice this are made smaller by a whole number, those that have
  /// less than this are enlarged by the largest whole number that keeps them within so many points.
  std::size_t side = 60;
};

/// Writes `path_without_extension` .png and .svg like `plot`; pixels stay crisp.
/// Errors: those of `plot`; a board without rows, a picture without pixels or with ragged ones, a board too large.
void draw_board(const PictureBoard& board, const std::string& path_without_extension);

/// About how wide a text is at that font size, both in points; rather too wide than too narrow.
double text_width(const std::string& text, double font_size);
/// The text if it is no wider than `width` points, else its beginning and its end with an ellipsis between them.
std::string shortened(const std::string& text, double width, double font_size);

}  // namespace maml
