#include "maml/train/plots.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/io/csv_log.h"
#include "maml/train/inner_loop.h"

namespace maml {

namespace fs = std::filesystem;

namespace {

/// The support points of one wave, to adapt on; then its grid, to predict at. Judged nowhere.
class WaveTask : public Task<float> {
public:
  WaveTask(const Wave& wave, bool couples_query)
      : support_rows_(wave.support_x.size()), unjudged_(couples_query ? support_rows_ : 0),
        x_(wave.support_x.begin(), wave.support_x.end()), y_(wave.support_y.begin(), wave.support_y.end()) {
    x_.insert(x_.end(), wave.x.begin(), wave.x.end());
    y_.resize(x_.size());
  }
  Batch<float> support(int, Point<float>) override { return batch(0, support_rows_, 0); }
  Batch<float> query(Point<float>) override {
    const std::size_t first = support_rows_ - unjudged_;
    return batch(first, x_.size() - first, unjudged_);
  }

private:
  Batch<float> batch(std::size_t first, std::size_t rows, std::size_t unjudged) const {
    Batch<float> batch;
    batch.rows = rows;
    batch.support_rows = unjudged;
    batch.x = x_.data() + first;
    batch.y = y_.data() + first;
    batch.shots = support_rows_;
    return batch;
  }

  const std::size_t support_rows_, unjudged_;
  std::vector<float> x_, y_;
};

std::string words(const std::string& metric) {
  return metric == "mse" ? "mean squared error" : shown_name(metric);
}

bool same_tasks(const DataOptions& a, const DataOptions& b) {
  return a.domain == b.domain && a.ways == b.ways && a.shots == b.shots;
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

std::string label_of(const Options& options) {
  const std::string& algorithm = options.outer.algorithm;
  if (algorithm == "maml") return "MAML";
  if (algorithm == "fomaml") return "first-order MAML";
  if (algorithm == "meta_sgd") return "Meta-SGD";
  if (algorithm == "anil" || algorithm == "boil") return algorithm == "anil" ? "ANIL" : "BOIL";
  if (algorithm == "reptile") return "Reptile";
  return algorithm;
}

StepCurve step_curve(const LoadedRun& run, const PlotOptions& options) {
  Protocol own = protocol("own", run.options);
  own.tasks = options.tasks;
  own.steps = std::max(own.steps, 1);
  return {label_of(run.options),
          evaluate(run, own, {.threads = options.threads, .budget = run.options.train.memory_mib << 20})};
}

}  // namespace

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

Figure learning_figure(const LoadedRun& run) {
  const CsvTable table = read_csv(run.folder.metrics());
  const auto &iteration = table.column("iteration"), &before = table.column("pre"), &after = table.column("post"),
             &validation = table.column("validation");
  const std::string metric = run.model->loss().metric();
  const double factor = shown_factor(metric);
  Figure figure;
  figure.title = "Meta-training: " + label_of(run.options);
  figure.x_label = "outer iteration";
  figure.y_label = words(metric);
  figure.legend = lower_is_better(metric) ? Figure::Legend::top_right : Figure::Legend::bottom_right;
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
  figure.legend = lower_is_better(metric) ? Figure::Legend::top_right : Figure::Legend::bottom_right;
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

std::vector<std::vector<double>> adapted_predictions(const LoadedModel& loaded, const Wave& wave,
                                                     const std::vector<int>& steps, Mode mode) {
  const Model& model = *loaded.model;
  const Weights& weights = loaded.weights;
  require(model.input().size() == 1 && model.output().size() == 1, "adaptation figure",
          "wants a model from one number to one number");
  WaveTask task(wave, model.couples_query(mode));
  const InnerLoop<float> loop(model, loaded.options.inner, mode, weights.state.data());
  AdaptationOptions options;
  options.steps = *std::max_element(steps.begin(), steps.end());
  const Batch<float> grid = task.query({});
  options.support_rows = wave.support_x.size();
  options.query_rows = grid.rows;
  options.second_order = false;
  const auto adaptation = loop.adaptation(options, false);
  adaptation->set_rates(weights.rates.data());
  adaptation->run(weights.parameters.data(), task);

  const Predictor<float> predict(model, mode, weights.state.data());
  std::vector<float> tape(predict.tape_size(grid.rows)), y(grid.rows);
  std::vector<std::vector<double>> predictions;
  for (const int step : steps) {
    predict(adaptation->theta(step), grid, tape.data(), y.data(), 0);
    predictions.emplace_back(y.begin() + static_cast<std::ptrdiff_t>(grid.support_rows), y.end());
  }
  return predictions;
}

Figure adaptation_figure(const LoadedModel& loaded, const Wave& wave, const std::string& title) {
  const std::vector<int> steps = {0, 1, 10};
  const auto y = adapted_predictions(loaded, wave, steps);
  Figure figure;
  figure.title = title;
  figure.x_range = {-5, 5};
  figure.legend = Figure::Legend::below;
  figure.curves.push_back({.label = "truth", .x = wave.x, .y = wave.y, .color = palette::vermilion, .width = 2});
  figure.curves.push_back({.label = "before", .x = wave.x, .y = y[0], .color = palette::grey, .width = 1.6});
  figure.curves.push_back(
      {.label = "1 step", .x = wave.x, .y = y[1], .style = Curve::Style::dashed, .color = palette::green, .width = 2});
  figure.curves.push_back(
      {.label = "10 steps", .x = wave.x, .y = y[2], .style = Curve::Style::dashed, .color = palette::blue, .width = 2});
  figure.curves.push_back({.label = "support",
                           .x = wave.support_x,
                           .y = wave.support_y,
                           .style = Curve::Style::points,
                           .color = palette::purple});
  return figure;
}

Wave wave_to_show(std::uint64_t seed, std::size_t shots, int which) {
  for (std::uint32_t task = 0;; ++task) {
    Wave wave = draw_wave({seed, Purpose::test_task, 0, task}, shots);
    if (wave.amplitude >= 2 && which-- == 0) return wave;
  }
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

std::string sibling_run(const std::string& run, const std::string& algorithm) {
  const RunFolder folder = RunFolder::open(run);
  const Options own = folder.options();
  const auto parent = fs::absolute(folder.path()).lexically_normal().parent_path();
  std::set<std::string> found;
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(parent, unreadable)) {
    const std::string path = entry.path().string();
    if (!is_run_folder(path) || !fs::exists(path + "/checkpoint.safetensors", unreadable)) continue;
    try {
      const Options options = RunFolder::open(path).options();
      if (options.outer.algorithm == algorithm && same_tasks(options.data, own.data) &&
          options.model.layers == own.model.layers)
        found.insert(path);
    } catch (const Error&) {
      continue;  // somebody else's folder
    }
  }
  if (found.empty()) return "";
  const auto relative = fs::path(folder.path()).parent_path() / fs::path(*found.begin()).filename();
  return relative.lexically_normal().string();
}

PlotSummary plot_run(const std::string& path, const PlotOptions& options) {
  const LoadedRun run = load_run(path);
  const Options& own = run.options;
  PlotSummary summary;
  summary.baseline = options.baseline;
  if (summary.baseline.empty() && own.outer.algorithm != "pretrained")
    summary.baseline = sibling_run(path, "pretrained");
  std::unique_ptr<LoadedRun> baseline;
  if (!summary.baseline.empty()) baseline = std::make_unique<LoadedRun>(load_run(summary.baseline));
  if (baseline && !same_tasks(own.data, baseline->options.data))
    fail(summary.baseline, "was trained on other tasks than ", path, " (domain, ways or shots differ)");

  std::error_code error;
  fs::create_directories(run.folder.plots(), error);
  if (error) fail(run.folder.plots(), "cannot be made: ", errno_text(error.value()));
  const auto write = [&](const std::string& name, const Page& page) {
    summary.files.push_back(run.folder.plots() + "/" + name);
    plot(page, summary.files.back());
  };

  write("learning", {.panels = {learning_figure(run)}, .panel_width = 520, .panel_height = 340});

  if (own.data.domain == "sinusoid" && !own.data.oracle) {
    Page page;
    for (const int which : {0, 1}) {
      const Wave wave = wave_to_show(own.eval.seed, own.data.shots, which);
      const std::string points = ", " + std::to_string(own.data.shots) + " points";
      page.panels.push_back(adaptation_figure(run, wave, label_of(own) + points));
      if (baseline) page.panels.push_back(adaptation_figure(*baseline, wave, label_of(baseline->options) + points));
    }
    share_y_range(page.panels);
    page.columns = 2;
    page.panel_height = 280;
    write("adaptation", page);
  }

  std::vector<StepCurve> curves = {step_curve(run, options)};
  if (baseline) curves.push_back(step_curve(*baseline, options));
  const std::string oracle = own.data.oracle ? "" : sibling_run(path, "oracle");
  if (!oracle.empty()) {
    // It knows the task and has nothing to adapt to: a level the others may reach.
    curves.push_back(step_curve(load_run(oracle), options));
    curves.back().label = "oracle, not adapted";
    curves.back().is_level = true;
  }
  write("steps", {.panels = {steps_figure(curves, own.about.published)}, .panel_width = 520, .panel_height = 340});
  return summary;
}

}  // namespace maml
