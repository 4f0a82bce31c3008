#pragma once

#include <cstdint>
#include <string>

namespace maml {

/// A run of the program gnuplot that leaves one PNG and one SVG; what `plot` and `draw_board` share.
class GnuplotScript {
public:
  GnuplotScript();
  GnuplotScript(const GnuplotScript&) = delete;
  GnuplotScript& operator=(const GnuplotScript&) = delete;
  ~GnuplotScript();

  /// A path for data that the commands read; the file goes away with this object.
  std::string file(const std::string& name) const { return folder_ + "/" + name; }

  /// Runs the commands once for `path_without_extension` .png (two pixels a point) and once for .svg, of that size in
  /// points, and writes both atomically. Errors: gnuplot is missing, or what it complained about.
  void draw(const std::string& commands, double width, double height, const std::string& path_without_extension) const;

private:
  std::string folder_;
};

/// A string of gnuplot's that prints as `text` is; control characters become spaces.
std::string gnuplot_text(const std::string& text);

/// Red, green and blue (0xRRGGBB) of a colour of the palette.
std::uint32_t palette_rgb(int color);

/// `rgb '#AARRGGBB'` of a colour of the palette, where AA is the transparency.
std::string gnuplot_color(int color, double opacity = 1);

}  // namespace maml
