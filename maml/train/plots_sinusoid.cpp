#include "maml/base/error.h"
#include "maml/train/adapt.h"
#include "maml/train/plots.h"

namespace maml {

std::vector<std::vector<double>> adapted_predictions(const LoadedModel& loaded, const Wave& wave,
                                                     const std::vector<int>& steps,
                                                     std::optional<Statistics> statistics) {
  require(loaded.model->input().size() == 1 && loaded.model->output().size() == 1, "adaptation figure",
          "wants a model from one number to one number");
  const SupportSet support{{wave.support_x.begin(), wave.support_x.end()},
                           {wave.support_y.begin(), wave.support_y.end()}};
  const std::vector<float> grid(wave.x.begin(), wave.x.end());
  std::vector<std::vector<double>> predictions;
  for (const int step : steps) {
    const auto y = adapt(loaded, support, {.steps = step, .statistics = statistics}).outputs(grid);
    predictions.emplace_back(y.begin(), y.end());
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

}  // namespace maml
