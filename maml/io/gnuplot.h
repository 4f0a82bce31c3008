#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace maml {

/// Colours of a curve: indices into a palette that colour-blind readers can tell apart (after Okabe and Ito); larger
/// indices start again at blue.
namespace palette {
inline constexpr int blue = 0, vermilion = 1, green = 2, purple = 3, orange = 4, sky = 5, grey = 6, black = 7;
}  // namespace palette

/// One set of points in a figure. NaN makes a gap.
struct Curve {
  enum class Style { line, dashed, points, band };

  std::string label;              ///< in the legend; "" leaves the curve out of it
  std::vector<double> x;          ///
  std::vector<double> y;          ///< as many as x; unused for a band
  std::vector<double> low = {};   ///< a band fills from low to high
  std::vector<double> high = {};  ///
  Style style = Style::line;
  int color = palette::blue;
  double width = 1.6;  ///< of lines, in points
  double opacity = 1;  ///< 0 to 1; bands are filled with a fifth of it
};

/// One pair of axes. All texts are UTF-8 and are printed as they are, without any markup.
struct Figure {
  enum class Legend { top_right, top_left, bottom_right, bottom_left, below, none };

  std::string title = {};
  std::string x_label = {};
  std::string y_label = {};
  bool log_x = false;
  bool log_y = false;
  std::vector<Curve> curves = {};  ///< drawn in this order, later ones on top
  std::optional<std::pair<double, double>> x_range = {};
  std::optional<std::pair<double, double>> y_range = {};
  Legend legend = Legend::top_right;
};

/// Figures side by side.
struct Page {
  std::vector<Figure> panels;
  int columns = 0;            ///< 0: all in one row, up to three
  double panel_width = 400;   ///< in points; the PNG has two pixels for each
  double panel_height = 300;  ///
};

/// Writes `path_without_extension` .png and .svg with the program gnuplot, each atomically; no other file stays.
/// Errors: gnuplot is missing, or what it complained about; a curve with ragged data.
void plot(const Page& page, const std::string& path_without_extension);

/// Whether `plot` would find the program gnuplot.
bool gnuplot_available();

}  // namespace maml
