// An outer loop of one's own: every part of meta-training is in sight, and any of it can be changed. Here each task's
// meta-gradient is cut to norm 1 before the mean is taken, so that the few waves on which a step went astray do not
// drag all the others along. (Presets clip the mean; no option clips each task.)
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "maml/diff/adaptation.h"
#include "maml/nn/model.h"
#include "maml/tasks/sinusoid.h"
#include "maml/train/outer.h"

using namespace maml;

int main() {
  constexpr std::size_t tasks = 25, shots = 10;
  const Model model({{1}, {"linear 40", "relu", "linear 40", "relu", "linear 1"}, "mse", "mean"});
  const auto objective = make_objective<float>(model, Mode{});
  const auto sinusoid = make_sinusoid();
  const auto waves = sinusoid->group<float>(tasks, {.shots = shots, .query_shots = shots});

  // The inner loop: one step of SGD on all parameters at one rate.
  const auto rule = make_sgd<float>();
  const RateLayout rates(model.slices(), matching_slices("inner.adapt", model.slices(), {"*"}), RateSharing::number, 1);
  Adaptation<float> adaptation({objective.get(), objective.get(), rule.get(), &rates, nullptr},
                               {.steps = 1, .tasks = tasks, .support_rows = shots, .query_rows = shots});
  const float alpha = 0.01f;
  adaptation.set_rates(&alpha);

  std::vector<float> theta = model.initial<float>(0), mean(theta.size()), v(tasks * theta.size()), losses(tasks);
  OuterOptimiser<float> outer({.rate = 2e-3}, theta.size());
  double seen = 0, worst = 0, first = 0, last = 0;

  std::puts(" iteration   mean loss   worst of 25, after one inner step");
  for (std::uint32_t iteration = 0; iteration < 5000; ++iteration) {
    waves->draw({.seed = 0, .purpose = Purpose::train_task, .iteration = iteration});
    adaptation.run(theta.data(), *waves);                   // theta_0 to theta_K
    adaptation.query(1, losses.data(), nullptr, v.data());  // v_K = grad L_query(theta_K)
    adaptation.vjp(v.data(), {}, nullptr);                  // v_0: through the inner step, exactly

    std::fill(mean.begin(), mean.end(), 0.f);
    for (std::size_t i = 0; i < tasks; ++i) {
      const float* g = v.data() + i * theta.size();
      const float norm = std::sqrt(std::inner_product(g, g + theta.size(), g, 0.f));
      for (std::size_t e = 0; e < theta.size(); ++e) mean[e] += g[e] / tasks / std::max(norm, 1.f);
    }
    outer.step(theta.data(), mean.data());

    seen += std::accumulate(losses.begin(), losses.end(), 0.) / tasks;
    worst += *std::max_element(losses.begin(), losses.end());
    if ((iteration + 1) % 500 == 0) {
      last = seen / 500;
      if (first == 0) first = last;
      std::printf("%10u %11.3f %13.3f  %s\n", iteration + 1, last, worst / 500,
                  std::string(static_cast<std::size_t>(30 * last / first), '#').c_str());
      seen = worst = 0;
    }
  }
  return last < 0.5 * first ? 0 : 1;
}
