#include <algorithm>
#include <cmath>

#include "maml/base/error.h"
#include "maml/io/csv_log.h"
#include "maml/train/plots.h"

namespace maml {

namespace {

std::string words(const std::string& metric) {
  return metric == "mse" ? "mean squared error" : shown_name(metric);
}

/// Falling curves leave room at the top; others have no corner that is free for sure.
Figure::Legend legend_for(const std::string& metric) {
  return lower_is_better(metric) ? Figure::Legend::top_right : Figure::Legend::below;
}

/// Least and largest of what the curves show.
std::pair<double, double> extent(const std::vector<Curve>& curves) {
  std::pair<double, double> range{INFINITY, -INFINITY};
  for (const auto& curve : curves)
    for (const auto* values : {&curve.y, &curve.low, &curve.high})
      for (const double value : *values)
        if (std::isfinite(value)) range = {std::min(range.first, value), std::max(range.second, value)};
  return range;
}

/// An axis from the data's least to above their largest, so that the legend at the top hides none.
void make_room(Figure& figure) {
  const auto [low, high] = extent(figure.curves);
  if (!(high > low)) return;
  const double share = 0.32;
  if (figure.log_y)
    figure.y_range = {low / 1.25, high * std::pow(high / low, share)};
  else
    figure.y_range = {low >= 0 ? 0 : low, high + share * (high - std::min(low, 0.0))};
}

}  // namespace

std::string algorithm_label(const Options& options) {
  const std::string& algorithm = options.outer.algorithm;
  if (algorithm == "maml") return "MAML";
  if (algorithm == "fomaml") return "first-order MAML";
  if (algorithm == "meta_sgd") return "Meta-SGD";
  if (algorithm == "anil" || algorithm == "boil") return algorithm == "anil" ? "ANIL" : "BOIL";
  if (algorithm == "reptile") return "Reptile";
  return algorithm;
}

std::vector<double> smoothed(const std::vector<double>& values) {
  const std::size_t n = values.size(), widest = std::max<std::size_t>(1, n / 50);
  std::vector<double> result(n, NAN);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t reach = std::min({widest, i, n - 1 - i});
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t j = i - reach; j <= i + reach; ++j) {
      if (std::isnan(values[j])) continue;
      sum += values[j];
      ++count;
    }
    if (count > 0) result[i] = sum / static_cast<double>(count);
  }
  return result;
}

namespace {

/// A dashed line up to that iteration.
Curve published_level(const Options& options, double last) {
  const auto& published = options.about.published;
  const auto trained = std::find_if(published.begin(), published.end(),
                                    [&](const auto& one) { return one.step == options.inner.steps; });
  const Published& shown = trained == published.end() ? published.back() : *trained;
  return {.label = "published, " + std::to_string(shown.step) + (shown.step == 1 ? " step" : " steps"),
          .x = {0, last},
          .y = {shown.value, shown.value},
          .style = Curve::Style::dashed,
          .color = palette::grey};
}

}  // namespace

Figure learning_figure(const LoadedRun& run) {
  const CsvTable table = read_csv(run.folder.metrics());
  const auto &iteration = table.column("iteration"), &before = table.column("pre"), &after = table.column("post"),
             &validation = table.column("validation");
  const std::string metric = run.model->loss().metric();
  const double factor = shown_factor(metric);
  Figure figure;
  figure.title = "Meta-training: " + algorithm_label(run.options);
  figure.x_label = "outer iteration";
  figure.y_label = words(metric);
  figure.legend = legend_for(metric);
  const auto add = [&](const std::string& label, std::vector<double> y, int color) {
    for (double& value : y) value *= factor;
    figure.curves.push_back({.label = "", .x = iteration, .y = y, .color = color, .width = 0.8, .opacity = 0.25});
    figure.curves.push_back({.label = label, .x = iteration, .y = smoothed(y), .color = color, .width = 2.2});
  };
  add("before the inner steps (support)", before, palette::vermilion);
  add("after the inner steps (query)", after, palette::blue);
  std::vector<double> x, y;
  for (std::size_t i = 0; i < validation.size(); ++i) {
    if (std::isnan(validation[i])) continue;
    x.push_back(iteration[i]);
    y.push_back(factor * validation[i]);
  }
  if (!x.empty())
    figure.curves.push_back(
        {.label = "validation tasks", .x = x, .y = y, .style = Curve::Style::points, .color = palette::black});
  if (!iteration.empty() && !run.options.about.published.empty())
    figure.curves.push_back(published_level(run.options, iteration.back()));
  const auto [low, high] = extent(figure.curves);
  figure.log_y = lower_is_better(metric) && low > 0 && high > 50 * low;
  if (lower_is_better(metric)) make_room(figure);
  return figure;
}

Figure steps_figure(const std::vector<StepCurve>& curves, const std::vector<Published>& published) {
  require(!curves.empty(), "steps_figure", "has no curve");
  static constexpr int colors[] = {palette::blue, palette::vermilion, palette::green, palette::purple, palette::orange};
  const std::string& metric = curves.front().evaluation.metric;
  const double factor = shown_factor(metric);
  Figure figure;
  figure.title = "Adaptation to new tasks";
  figure.x_label = "inner steps";
  figure.y_label = words(metric);
  figure.log_y = lower_is_better(metric);
  figure.legend = legend_for(metric);
  std::vector<Curve> lines;
  int next = 0;
  for (const auto& curve : curves) {
    const int color = colors[static_cast<std::size_t>(next++) % std::size(colors)];
    Curve line{.label = curve.label, .x = {}, .y = {}, .color = color, .width = 2};
    if (curve.is_level) line.style = Curve::Style::dashed;
    Curve band{.label = "", .x = {}, .y = {}, .style = Curve::Style::band, .color = color};
    for (const auto& step : curve.evaluation.steps) {
      const auto& shown = curve.is_level ? curve.evaluation.steps.front() : step;
      line.x.push_back(step.step);
      line.y.push_back(factor * shown.mean);
      band.low.push_back(factor * (shown.mean - shown.ci95));
      band.high.push_back(factor * (shown.mean + shown.ci95));
      figure.log_y = figure.log_y && shown.mean - shown.ci95 > 0;
    }
    band.x = line.x;
    figure.curves.push_back(std::move(band));
    lines.push_back(std::move(line));
  }
  figure.curves.insert(figure.curves.end(), lines.begin(), lines.end());
  if (!published.empty()) {
    Curve points{.label = "published", .x = {}, .y = {}, .style = Curve::Style::points, .color = palette::black};
    for (const auto& [step, value] : published) {
      points.x.push_back(step);
      points.y.push_back(value);
    }
    figure.curves.push_back(std::move(points));
  }
  if (lower_is_better(metric)) make_room(figure);
  return figure;
}

void share_y_range(std::vector<Figure>& figures) {
  std::pair<double, double> range{INFINITY, -INFINITY};
  for (const auto& figure : figures) {
    const auto [low, high] = extent(figure.curves);
    range = {std::min(range.first, low), std::max(range.second, high)};
  }
  const double margin = 0.06 * (range.second - range.first);
  for (auto& figure : figures) figure.y_range = {range.first - margin, range.second + margin};
}

}  // namespace maml
