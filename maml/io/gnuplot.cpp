#include "maml/io/gnuplot.h"

#include "maml/base/error.h"
#include "maml/io/csv_log.h"
#include "maml/io/gnuplot_script.h"
#include "maml/io/plot_axis.h"

#include <algorithm>
#include <cmath>

namespace maml {

namespace {

using Style = Curve::Style;

std::string number(double value) {
  return std::isnan(value) ? "NaN" : shortest_text(value);
}

std::string style_of(const Curve& curve) {
  const std::string width = " lw " + number(curve.width);
  switch (curve.style) {
  case Style::line:
    return "with lines lc " + gnuplot_color(curve.color, curve.opacity) + width;
  case Style::dashed:
    return "with lines lc " + gnuplot_color(curve.color, curve.opacity) + width + " dt (8, 5)";
  case Style::points:
    return "with points pt 7 ps 0.75 lc " + gnuplot_color(curve.color, curve.opacity);
  case Style::band:
    break;
  }
  return "with filledcurves lc " + gnuplot_color(curve.color, 0.2 * curve.opacity) + " fs solid 1 noborder";
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
    return "set key" + common + "outside below center horizontal Left reverse title ' ' font 'DejaVu Sans,4'\n";
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
    const std::string title = curve.label.empty() ? " notitle" : " title " + gnuplot_text(curve.label);
    plots += i == 0 ? "plot " : ", \\\n  ";
    // A white rim keeps points apart from the lines below them.
    if (curve.style == Style::points) plots += block + columns + "with points pt 7 ps 1.05 lc rgb 'white' notitle, ";
    plots += block + columns + style_of(curve) + title;
  }
  text += "set title " + gnuplot_text(figure.title) + " noenhanced offset 0,-0.3\n";
  text += "set xlabel " + gnuplot_text(figure.x_label) + " noenhanced offset 0,0.3\n";
  text += "set ylabel " + gnuplot_text(figure.y_label) + " noenhanced offset 0.3,0\n";
  text += axis_commands(figure, 'x') + axis_commands(figure, 'y');
  return text + key_command(figure.legend) + plots + "\n";
}

const char* const look = R"(set datafile missing 'NaN'
set border 3 lw 0.7 lc rgb '#404040'
set tics nomirror out scale 0.5, 0.25 textcolor rgb '#202020'
set grid lt 1 lc rgb '#E6E6E6' lw 0.6
set grid back
)";

/// All panels.
std::string page_commands(const Page& page, int columns, int rows) {
  std::string text = look + ("set multiplot layout " + std::to_string(rows) + "," + std::to_string(columns) + "\n");
  for (std::size_t i = 0; i < page.panels.size(); ++i)
    text += figure_commands(page.panels[i], "panel" + std::to_string(i));
  return text + "unset multiplot\n";
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
  GnuplotScript().draw(page_commands(page, columns, rows), columns * page.panel_width, rows * page.panel_height,
                       path_without_extension);
}

}  // namespace maml
