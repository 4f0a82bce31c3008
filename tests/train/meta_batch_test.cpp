#include <doctest/doctest.h>

#include <cmath>

#include "maml/base/error.h"
#include "maml/tasks/sinusoid.h"
#include "maml/train/experiment.h"
#include "maml/train/inner_loop.h"
#include "maml/train/meta_batch.h"
#include "maml/train/outer.h"
#include "maml/train/tree_sum.h"
#include "tests/support/same_bytes.h"
#include "tests/train/small_run.h"

using namespace maml;
using test::error_of;
using test::same_bytes;
using test::small_run;

namespace {

/// Gradient, rates' gradient and losses of one iteration, as bytes to compare.
template <class T>
std::vector<T> results(const Experiment& experiment, int threads, std::size_t group, std::size_t budget) {
  auto options = meta_batch_options(experiment.options, threads, budget);
  options.group = group;
  MetaBatch<T> batch(*experiment.model, *experiment.domain, options);
  const auto theta = experiment.model->template initial<T>(1);
  std::vector<T> all;
  for (const std::uint32_t iteration : {0u, 7u}) {
    const auto& result = batch.gradient(theta.data(), iteration);
    all.insert(all.end(), result.gradient.begin(), result.gradient.end());
    all.insert(all.end(), result.d_rates.begin(), result.d_rates.end());
    all.insert(all.end(), result.losses.begin(), result.losses.end());
    for (const double value : {result.loss, result.before, result.after}) all.push_back(static_cast<T>(value));
  }
  return all;
}

constexpr std::size_t plenty = std::size_t{64} << 20;

}  // namespace

TEST_CASE("meta-batch: small tasks share calls, large ones do not, and workers have even shares") {
  CHECK(suitable_group(25, 1, 1.3e5) == 5);
  CHECK(suitable_group(25, 2, 1.3e5) == 13);
  CHECK(suitable_group(32, 2, 7e7) == 1);
  CHECK(suitable_group(1, 2, 1.3e5) == 1);
  CHECK(suitable_group(3, 8, 1) == 1);
  for (std::size_t tasks = 1; tasks < 40; ++tasks)
    for (const int workers : {1, 2, 3, 8}) {
      const std::size_t group = suitable_group(tasks, workers, 1.3e5);
      CHECK(group >= 1);
      CHECK(group <= tasks);
    }
}

TEST_CASE("meta-batch: the same bytes for all threads, groups and budgets, whatever the algorithm") {
  for (const char* algorithm : {"maml", "fomaml", "anil", "boil", "reptile", "meta_sgd", "pretrained", "oracle"}) {
    INFO(algorithm);
    Options options = small_run();
    options.outer.algorithm = algorithm;
    options.inner.steps = 3;
    const Experiment experiment(options);
    const auto one = results<float>(experiment, 1, 1, plenty);
    for (const float value : one) CHECK(std::isfinite(value));
    CHECK(same_bytes(one, results<float>(experiment, 2, 1, plenty)));
    CHECK(same_bytes(one, results<float>(experiment, 4, 1, plenty)));
    CHECK(same_bytes(one, results<float>(experiment, 1, 2, plenty)));
    CHECK(same_bytes(one, results<float>(experiment, 2, 3, plenty)));
    CHECK(same_bytes(one, results<float>(experiment, 1, 5, plenty)));
    CHECK(same_bytes(one, results<float>(experiment, 2, 100, plenty)));
    CHECK(same_bytes(one, results<float>(experiment, 1, 1, 24 << 10)));
    for (const int threads : {1, 2, 4}) CHECK(same_bytes(one, results<float>(experiment, threads, 0, plenty)));
    CHECK(same_bytes(one, results<float>(experiment, 2, 0, 24 << 10)));  // no room for a group
  }
}

TEST_CASE("meta-batch: a budget that does for one worker only leaves one, with the same bytes") {
  const Experiment experiment(small_run());
  const auto fits = [&](std::size_t budget) {
    return error_of([&] {
             MetaBatch<float>(*experiment.model, *experiment.domain, meta_batch_options(experiment.options, 1, budget));
           })
        .empty();
  };
  std::size_t least = 1 << 10;
  while (!fits(least)) least += 256;
  const MetaBatch<float> batch(*experiment.model, *experiment.domain, meta_batch_options(experiment.options, 2, least));
  CHECK(batch.workers() == 1);
  CHECK(batch.bytes() <= least);
  CHECK(MetaBatch<float>(*experiment.model, *experiment.domain, meta_batch_options(experiment.options, 2, plenty))
            .workers() == 2);
  CHECK(same_bytes(results<float>(experiment, 2, 1, least), results<float>(experiment, 1, 1, plenty)));
}

TEST_CASE("meta-batch: the mean over tasks of each task's own gradient") {
  Options options = small_run();
  options.outer.accumulate = 2;
  options.inner.learned = "layer";
  const Experiment experiment(options);
  auto batch_options = meta_batch_options(experiment.options, 1, plenty);
  CHECK(batch_options.tasks == 10);
  MetaBatch<double> batch(*experiment.model, *experiment.domain, batch_options);
  const auto theta = experiment.model->initial<double>(0);
  const auto& result = batch.gradient(theta.data(), 3);

  const InnerLoop<double> loop(*experiment.model, experiment.options.inner);
  AdaptationOptions adaptation_options;
  adaptation_options.steps = 2;
  adaptation_options.support_rows = adaptation_options.query_rows = 5;
  const auto adaptation = loop.adaptation(adaptation_options, true);
  EpisodeOptions episode;
  episode.shots = episode.query_shots = 5;
  const auto task = experiment.domain->group<double>(1, episode);
  std::vector<double> mean(theta.size()), mean_rates(loop.layout().size()), g(theta.size()), d_rates(mean_rates.size());
  double mean_loss = 0;
  for (std::uint32_t i = 0; i < 10; ++i) {
    task->draw({0, Purpose::train_task, 3, i});
    adaptation->run(theta.data(), *task);
    double loss = 0;
    adaptation->query(2, &loss, nullptr, g.data());
    adaptation->vjp(g.data(), {}, d_rates.data());
    for (std::size_t e = 0; e < g.size(); ++e) mean[e] += g[e] / 10;
    for (std::size_t e = 0; e < d_rates.size(); ++e) mean_rates[e] += d_rates[e] / 10;
    mean_loss += loss / 10;
    CHECK(result.losses[i] == loss);
  }
  CHECK(result.loss == doctest::Approx(mean_loss).epsilon(1e-12));
  for (std::size_t e = 0; e < mean.size(); ++e) CHECK(result.gradient[e] == doctest::Approx(mean[e]).epsilon(1e-9));
  for (std::size_t e = 0; e < mean_rates.size(); ++e)
    CHECK(result.d_rates[e] == doctest::Approx(mean_rates[e]).epsilon(1e-9));
}

TEST_CASE("meta-batch: one's own outer loop in a few lines learns") {
  ModelOptions layers;
  layers.input = {1};
  layers.layers = {"linear 20 init=he", "relu", "linear 1 init=he"};
  const Model model(layers);
  const auto domain = make_sinusoid();
  MetaBatchOptions options;
  options.inner.alpha = 0.01;
  options.tasks = 10;
  MetaBatch<float> batch(model, *domain, options);
  OuterOptions outer_options;
  outer_options.rate = 0.01;
  OuterOptimiser<float> outer(outer_options, model.parameters());
  auto theta = model.initial<float>(0);
  double first = 0, last = 0;
  for (std::uint32_t i = 0; i < 300; ++i) {
    auto& result = batch.gradient(theta.data(), i);
    outer.step(theta.data(), result.gradient.data());
    if (i < 50) first += result.loss / 50;
    if (i >= 250) last += result.loss / 50;
  }
  CHECK(last < 0.8 * first);
}

TEST_CASE("meta-batch: first order at first, and step weights that go over to the last step") {
  Options options = small_run();
  options.inner.learned = "layer-step";
  const auto gradient = [&](const Options& of, std::uint32_t iteration) {
    const Experiment experiment(of);
    MetaBatch<double> batch(*experiment.model, *experiment.domain, meta_batch_options(experiment.options, 1, plenty));
    const auto& result = batch.gradient(experiment.model->initial<double>(1).data(), iteration);
    auto all = result.gradient;
    all.insert(all.end(), result.d_rates.begin(), result.d_rates.end());
    all.push_back(result.loss);
    return all;
  };
  Options first = options, later = options;
  first.outer.algorithm = "fomaml";
  later.outer.second_order_from = 3;
  CHECK(same_bytes(gradient(later, 2), gradient(first, 2)));
  CHECK(same_bytes(gradient(later, 3), gradient(options, 3)));
  CHECK(!same_bytes(gradient(first, 3), gradient(options, 3)));

  Options weighted = options, fading = options;
  weighted.inner.step_weights = fading.inner.step_weights = {0, 0.5, 0.5};
  fading.inner.step_weights_until = 4;
  CHECK(same_bytes(gradient(fading, 0), gradient(weighted, 0)));
  weighted.inner.step_weights = {0, 0.25, 0.75};
  CHECK(same_bytes(gradient(fading, 2), gradient(weighted, 2)));
  CHECK(same_bytes(gradient(fading, 4), gradient(options, 4)));
  CHECK(same_bytes(gradient(fading, 5), gradient(options, 5)));

  first.outer.second_order_from = 3;
  CHECK(error_of([&] { resolved(first); }) ==
        "[outer.second_order_from] means nothing to fomaml, which has no second order (leave it out)");
  options.inner.step_weights_until = 4;
  CHECK(error_of([&] { resolved(options); }) ==
        "[inner.step_weights_until] says when inner.step_weights end, but there are none (give them, or leave it out)");
}

TEST_CASE("meta-batch: rates by name, masks and per step") {
  Options options = small_run();
  options.inner.alpha.by_name = {{"*", 0.5}, {"linear2.*", 0.25}, {"*.bias", 0.125}};
  options.inner.adapt = {"*", "!linear1.*"};
  const Experiment fixed(options);
  const InnerLoop<double> loop(*fixed.model, fixed.options.inner);
  CHECK(loop.layout().sharing() == RateSharing::slice);
  CHECK(loop.initial_rates() == std::vector<double>{0.5, 0.125, 0.25, 0.125, 0.5, 0.125});
  CHECK(loop.layout().mask() == std::vector<unsigned char>{0, 0, 1, 1, 1, 1});
  CHECK(loop.front_layers() == 2);  // the frozen linear1 and what follows it
  CHECK_FALSE(loop.learns_rates());
  options.inner.learned = "layer-step";
  CHECK(InnerLoop<double>(*fixed.model, options.inner).layout().steps() == 2);
  options.inner.alpha.by_name = {{"linear2.*", 0.25}};
  CHECK(error_of([&] { InnerLoop<double>(*fixed.model, options.inner); }) ==
        "[inner.alpha] no pattern gives a rate for linear3.weight (begin the table with \"*\" = 0.01)");
  options.inner.alpha.by_name = {{"conv*", 0.25}};
  CHECK(error_of([&] { InnerLoop<double>(*fixed.model, options.inner); }) ==
        "[inner.alpha] the pattern 'conv*' matches no parameter (there are linear1.weight, "
        "linear1.bias, linear2.weight, linear2.bias, linear3.weight, linear3.bias)");
}

TEST_CASE("meta-batch: names the task whose loss is not finite, and refuses a budget that is too small") {
  const Experiment experiment(small_run());
  MetaBatch<float> batch(*experiment.model, *experiment.domain, meta_batch_options(experiment.options, 2, plenty));
  auto theta = experiment.model->initial<float>(0);
  CHECK_FALSE(batch.non_finite_task(theta.data(), nullptr, nullptr, 0).has_value());
  theta.back() = std::nanf("");
  CHECK(batch.non_finite_task(theta.data(), nullptr, nullptr, 0) == std::size_t{0});
  CHECK(std::isnan(batch.gradient(theta.data(), 0).loss));
  CHECK(error_of([&] {
          MetaBatch<float>(*experiment.model, *experiment.domain, meta_batch_options(experiment.options, 1, 1000));
        }).find("train.memory_mib") != std::string::npos);
}

TEST_CASE("meta-batch: running statistics move by the mean of the support passes' deltas") {
  Options options = small_run();
  options.model.layers = {"linear 4", "batch_norm mode=running", "relu", "linear 1"};
  const Experiment experiment(options);
  MetaBatch<float> batch(*experiment.model, *experiment.domain, meta_batch_options(experiment.options, 1, plenty));
  const auto weights = experiment.initial();
  const auto first = batch.gradient(weights.parameters.data(), nullptr, weights.state.data(), 0).state_delta;
  CHECK(first.size() == 8);
  CHECK(first[0] != 0);
  // A state that moves by tenths towards each batch's statistics is never overtaken by their mean.
  auto state = weights.state;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const auto& result = batch.gradient(weights.parameters.data(), nullptr, state.data(), i);
    for (std::size_t e = 0; e < state.size(); ++e) state[e] += result.state_delta[e];
  }
  for (std::size_t e = 4; e < 8; ++e) CHECK(state[e] > 0);
  for (const float value : state) CHECK(std::abs(value) < 100);
}

namespace {

/// What one gradient asks to add to the running statistics of a norm of 4 channels: its sets' means, then its sets'
/// variances. The norm's parameters do not adapt, so that all sets' are the same.
std::vector<float> state_delta(int steps, int sets) {
  Options options = small_run();
  options.inner.steps = steps;
  options.inner.adapt = {"linear*"};
  options.model.layers = {"linear 4", "batch_norm mode=running per_step=" + std::to_string(sets), "tanh", "linear 1"};
  const Experiment experiment(options);
  MetaBatch<float> batch(*experiment.model, *experiment.domain, meta_batch_options(experiment.options, 1, plenty));
  const auto weights = experiment.initial();
  return batch.gradient(weights.parameters.data(), nullptr, weights.state.data(), 0).state_delta;
}

}  // namespace

TEST_CASE("meta-batch: running statistics of each inner step move by that step's support pass") {
  const auto one_step = state_delta(1, 3), two_steps = state_delta(2, 3);
  REQUIRE(two_steps.size() == 24);
  for (const std::size_t half : {0, 12}) {
    std::size_t differ = 0;
    for (std::size_t e = half; e < half + 4; ++e) {
      CHECK(two_steps[e] == one_step[e]);  // met by the first pass alone, however many follow
      CHECK(two_steps[e] != 0);
      CHECK(two_steps[4 + e] != 0);
      CHECK(one_step[4 + e] == 0);
      CHECK(two_steps[8 + e] == 0);                // a third step is not taken in training
      differ += two_steps[4 + e] != two_steps[e];  // a unit may stay where it was to the last bit
    }
    CHECK(differ >= 2);
  }
}

TEST_CASE("meta-batch: the last set of running statistics moves by the mean of all passes from its own step on") {
  const auto each = state_delta(4, 4), last_shared = state_delta(4, 2), one_set = state_delta(4, 1);
  REQUIRE(each.size() == 32);
  for (const std::size_t half : {0, 1})
    for (std::size_t e = 0; e < 4; ++e) {
      const float* own = &each[half * 16 + e];
      CHECK(last_shared[half * 8 + e] == own[0]);
      CHECK(last_shared[half * 8 + 4 + e] == doctest::Approx((own[4] + own[8] + own[12]) / 3).epsilon(1e-4));
      CHECK(one_set[half * 4 + e] == doctest::Approx((own[0] + own[4] + own[8] + own[12]) / 4).epsilon(1e-4));
    }
}

TEST_CASE("meta-batch: rollouts under the policy, with more rows than shots") {
  Options options = small_run();
  options.model.input = {2};
  options.model.layers = {"linear 8", "tanh", "linear 2", "gaussian"};
  options.model.loss = "policy_gradient";
  options.data.domain = "point_navigation";
  options.data.shots = 3;
  options.data.horizon = 10;
  options.outer.algorithm = "anil";
  const Experiment experiment(options);
  EpisodeOptions episode;
  episode.shots = episode.query_shots = 3;
  const auto shape = episode_shape(*experiment.model, *experiment.domain, episode);
  CHECK(shape.support_rows == 30);
  CHECK_FALSE(shape.fixed_support);
  CHECK(same_bytes(results<float>(experiment, 1, 1, plenty), results<float>(experiment, 2, 2, plenty)));
}
