// Meta-trains the sinusoid of the MAML paper (Finn, Abbeel and Levine 2017, section 5.1) and shows how a model that has
// never seen a wave fits it: MSE after 0, 1 and 5 inner steps from 10 points, and a picture of one wave.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "maml/base/workers.h"
#include "maml/nn/model.h"
#include "maml/tasks/sinusoid.h"
#include "maml/train/inner_loop.h"
#include "maml/train/meta_batch.h"
#include "maml/train/outer.h"

using namespace maml;

int main() {
  const Model model({{1}, {"linear 40", "relu", "linear 40", "relu", "linear 1"}, "mse", "mean"});
  const auto waves = make_sinusoid();
  const InnerOptions inner{.steps = 1, .alpha = 0.005};

  MetaBatch<float> batch(model, *waves,
                         {.inner = inner, .shots = 10, .query_shots = 10, .threads = available_threads()});
  OuterOptimiser<float> outer({.rate = 2e-3}, model.parameters());
  std::vector<float> theta = model.initial<float>(0);
  for (std::uint32_t i = 0; i < 6000; ++i) outer.step(theta.data(), batch.gradient(theta.data(), i).gradient.data());

  // 1000 fresh waves, adapted all together.
  constexpr std::size_t tasks = 1000;
  const InnerLoop<float> loop(model, inner);
  const auto adaptation =
      loop.adaptation({.steps = 5, .tasks = tasks, .support_rows = 10, .query_rows = 10, .second_order = false}, true);
  const auto group = waves->group<float>(tasks, {.shots = 10, .query_shots = 10});
  const Draw test{.seed = 0, .purpose = Purpose::test_task};
  group->draw(test);
  adaptation->run(theta.data(), *group);
  std::vector<float> losses(tasks);
  double mse = 0;
  for (const int steps : {0, 1, 5}) {
    adaptation->query(steps, losses.data(), nullptr, nullptr);
    mse = 0;
    for (const float loss : losses) mse += loss / tasks;
    std::printf("MSE after %d inner step%s %.3f\n", steps, steps == 1 ? ": " : "s:", mse);
  }

  // The first tall one: truth (.), prediction before (-) and after 5 steps (*), the points it was given (O).
  constexpr int width = 76, height = 21;
  Draw draw = test;
  while (draw_wave(draw, 10).amplitude < 4) ++draw.first;
  const Wave wave = draw_wave(draw, 10, width);
  std::vector<std::string> picture(height, std::string(width, ' '));
  const auto mark = [&](double x, double y, char with) {
    const int column = static_cast<int>(std::lround((x + 5) / 10 * (width - 1)));
    const int row = static_cast<int>(std::lround((0.5 - y / 11) * (height - 1)));
    if (row >= 0 && row < height) picture[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)] = with;
  };
  const std::vector<float> x(wave.x.begin(), wave.x.end());
  const Batch<float> grid{.rows = width, .x = x.data()};
  const Predictor<float> predict(model, Mode{.evaluating = true});
  std::vector<float> tape(predict.tape_size(width)), before(width), after(width);
  predict(adaptation->theta(0), grid, tape.data(), before.data(), 0);
  const Point<float> adapted = adaptation->theta(5);
  predict({adapted.theta + draw.first * adapted.stride, 0, 5}, grid, tape.data(), after.data(), 0);
  for (std::size_t i = 0; i < width; ++i) {
    mark(wave.x[i], wave.y[i], '.');
    mark(wave.x[i], before[i], '-');
    mark(wave.x[i], after[i], '*');
  }
  for (std::size_t i = 0; i < wave.support_x.size(); ++i) mark(wave.support_x[i], wave.support_y[i], 'O');
  std::puts("\nOne of them: truth (.), prediction before (-) and after 5 inner steps (*), given the points O\n");
  for (const auto& line : picture) std::puts(line.c_str());
  return mse < 0.5 ? 0 : 1;
}
