#include "maml/io/plot_axis.h"

#include "maml/base/error.h"
#include "maml/io/csv_log.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace maml {

namespace {

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void cover(const std::vector<double>& values, bool log) {
    for (double value : values) {
      if (!(std::abs(value) < 1e300) || (log && value < 1e-300)) continue;  // what cannot be drawn
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
};

/// The range of all curves along an axis, widened until it is one.
Range data_range(const Figure& figure, char name, bool log) {
  Range range;
  for (const auto& curve : figure.curves) {
    if (name == 'x') range.cover(curve.x, log);
    if (name == 'y' && curve.style != Curve::Style::band) range.cover(curve.y, log);
    if (name == 'y' && curve.style == Curve::Style::band) range.cover(curve.low, log);
    if (name == 'y' && curve.style == Curve::Style::band) range.cover(curve.high, log);
  }
  if (range.low > range.high) range = log ? Range{0.1, 10} : Range{0, 1};
  const double margin = name == 'x' ? 0 : 0.05;
  if (log) {
    const double factor = range.low == range.high ? 2 : std::exp(margin * (std::log(range.high) - std::log(range.low)));
    return {std::max(range.low / factor, 1e-300), std::min(range.high * factor, 1e300)};
  }
  if (range.low == range.high) {
    const double half = std::max(std::abs(range.low) / 10, 0.5);
    return {range.low - half, range.high + half};
  }
  // Iterations count from 1 or from the first report: let their axis start at 0.
  if (name == 'x' && range.low > 0 && range.low < 0.03 * range.high) range.low = 0;
  const double wider = margin * (range.high / 2 - range.low / 2) * 2;
  return {range.low - wider, range.high + wider};
}

/// 1200 as `1200`, 40000 as `40k` if the axis reaches ten thousands, 2000000 as `2M`.
std::string tick_text(double value, double largest) {
  const bool thousands = largest >= 1e4 && largest < 1e6, millions = largest >= 1e6 && largest < 1e9;
  const double unit = thousands ? 1e3 : millions ? 1e6 : 1;
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value / unit);
  const std::string digits = text[0] == '-' ? "\u2212" + std::string(text + 1) : text;
  return digits + (value == 0 || unit == 1 ? "" : thousands ? "k" : "M");
}

}  // namespace

std::vector<double> linear_ticks(double low, double high, int wanted) {
  const double rough = (high / 2 - low / 2) / wanted * 2;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (double factor : {5.0, 2.0, 1.0})
    if (factor * power >= rough * 0.8) step = factor * power;
  std::vector<double> ticks;
  const double slack = 1e-9 * step;
  for (double k = std::ceil((low - slack) / step); k * step <= high + slack && ticks.size() < 50; ++k)
    ticks.push_back(k == 0 ? 0 : k * step);
  return ticks;
}

std::vector<double> log_ticks(double low, double high) {
  const int first = static_cast<int>(std::floor(std::log10(low))), last = static_cast<int>(std::ceil(std::log10(high)));
  const double decades = std::log10(high) - std::log10(low);
  const int stride = std::max(1, static_cast<int>(std::ceil(decades / 8)));
  std::vector<double> ticks;
  for (int exponent = first; exponent <= last; exponent += stride) {
    for (double factor : {1.0, 2.0, 5.0}) {
      const double tick = factor * std::pow(10, exponent);
      if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9) && (factor == 1 || decades < 2.5))
        ticks.push_back(tick);
    }
  }
  return ticks.size() >= 2 ? ticks : linear_ticks(low, high, 4);
}

std::string axis_commands(const Figure& figure, char name) {
  const bool log = name == 'x' ? figure.log_x : figure.log_y;
  const auto& given = name == 'x' ? figure.x_range : figure.y_range;
  const Range range = given ? Range{given->first, given->second} : data_range(figure, name, log);
  require(std::isfinite(range.low) && std::isfinite(range.high) && range.low < range.high && (!log || range.low > 0),
          "plot", "the ", name, " range ", range.low, " to ", range.high, " of figure `", figure.title, "` is empty",
          log ? " or not above 0, as a logarithmic axis needs" : "");
  const std::string axis(1, name);
  const auto ticks = log ? log_ticks(range.low, range.high) : linear_ticks(range.low, range.high, 6);
  const bool powers = log && ticks.front() > 0 && ticks.back() / ticks.front() >= 1e3;
  double largest = 0;
  for (double tick : ticks) largest = std::max(largest, std::abs(tick));
  std::string text = (log ? "set logscale " : "unset logscale ") + axis + "\n";
  text += "set " + axis + "range [" + shortest_text(range.low) + ":" + shortest_text(range.high) + "]\n";
  text += "set " + axis + "tics (";
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    const auto exponent = std::to_string(std::lround(std::log10(std::max(ticks[i], 1e-320))));
    text += std::string(i == 0 ? "" : ", ") + "'" +
            (powers ? (exponent[0] == '-' ? "10^{\u2212" + exponent.substr(1) : "10^{" + exponent) + "}"
                    : tick_text(ticks[i], log ? 0 : largest)) +
            "' " + shortest_text(ticks[i]);
  }
  return text + ")\n";
}

}  // namespace maml
