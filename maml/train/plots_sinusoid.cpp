#include <algorithm>

#include "maml/base/error.h"
#include "maml/train/inner_loop.h"
#include "maml/train/plots.h"
#include "maml/train/predictions.h"

namespace maml {

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

}  // namespace

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
  options.support_rows = wave.support_x.size();
  options.query_rows = task.query({}).rows;
  options.second_order = false;
  const auto adaptation = loop.adaptation(options, false);
  adaptation->set_rates(weights.rates.data());
  adaptation->run(weights.parameters.data(), task);

  Predictions after(model, mode, weights.state.data());
  std::vector<std::vector<double>> predictions;
  for (const int step : steps) predictions.push_back(after.outputs(*adaptation, task, step));
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

}  // namespace maml
