#include "maml/train/outer_loop.h"

#include <doctest/doctest.h>

#include <limits>

#include "maml/base/error.h"
#include "tests/train/small_run.h"

using namespace maml;

namespace {

Experiment experiment(const char* algorithm) {
  Options options = test::small_run();
  options.outer.algorithm = algorithm;
  options.outer.schedule = "linear";
  options.outer.alpha_rate = 0.1;
  return Experiment(options);
}

OuterLoop loop_of(const Experiment& experiment, const Weights& weights) {
  return {*experiment.model, *experiment.domain, experiment.options, 1, weights};
}

}  // namespace

TEST_CASE("outer loop: a step is the meta-batch's gradient, at the scheduled rates, by the optimisers") {
  for (const char* algorithm : {"maml", "meta_sgd"}) {
    INFO(algorithm);
    const Experiment run = experiment(algorithm);
    Weights weights = run.initial(), wanted = weights;
    OuterLoop loop = loop_of(run, weights);
    MetaBatch<float> batch(*run.model, *run.domain, meta_batch_options(run.options, 1, loop.budget()));
    CHECK(loop.rates_state().has_value() == batch.learns_rates());
    OuterOptimiser<float> parameters(run.options.outer, weights.parameters.size());
    OuterOptimiser<float> rates(run.options.outer, batch.learns_rates() ? weights.rates.size() : 0);
    for (std::uint32_t i = 0; i < 4; ++i) {
      auto& result = batch.gradient(wanted.parameters.data(), wanted.rates.data(), nullptr, i);
      const double part = scheduled_rate(run.options.outer, 1, i, run.options.train.iterations);
      parameters.step(wanted.parameters.data(), result.gradient.data(), part * run.options.outer.rate);
      if (batch.learns_rates()) rates.step(wanted.rates.data(), result.d_rates.data(), part * 0.1);
      const OuterStep step = loop.step(weights, i);
      CHECK(step.is_finite);
      CHECK(step.loss == result.loss);
      CHECK(step.before == result.before);
      CHECK(step.after == result.after);
      CHECK(step.rate == doctest::Approx(part * run.options.outer.rate).epsilon(1e-12));
      for (std::size_t j = 0; j < wanted.parameters.size(); ++j)
        CHECK(weights.parameters[j] == doctest::Approx(wanted.parameters[j]).epsilon(1e-6));
      for (std::size_t j = 0; j < wanted.rates.size(); ++j)
        CHECK(weights.rates[j] == doctest::Approx(wanted.rates[j]).epsilon(1e-6));
    }
  }
}

TEST_CASE("outer loop: goes on from its optimisers' states with the same bits") {
  const Experiment run = experiment("meta_sgd");
  Weights weights = run.initial();
  OuterLoop first = loop_of(run, weights), second = loop_of(run, weights);
  for (int i = 0; i < 3; ++i) first.step(weights, i);
  Weights copy = weights;
  second.restore(first.parameters_state(), first.rates_state());
  for (int i = 3; i < 6; ++i) {
    first.step(weights, i);
    second.step(copy, i);
  }
  CHECK(weights.parameters == copy.parameters);
  CHECK(weights.rates == copy.rates);
  Weights anew = run.initial();  // the states matter
  OuterLoop third = loop_of(run, anew);
  for (int i = 3; i < 6; ++i) third.step(anew, i);
  CHECK(anew.parameters != copy.parameters);
}

TEST_CASE("outer loop: weights stay where loss or gradient are not finite") {
  const Experiment run = experiment("maml");
  Weights weights = run.initial();
  OuterLoop loop = loop_of(run, weights);
  CHECK(!loop.non_finite_task(weights, 0));
  weights.parameters.back() = std::numeric_limits<float>::infinity();  // of the output, which nothing bounds
  const std::vector<float> rest(weights.parameters.begin(), weights.parameters.end() - 1);
  CHECK(!loop.step(weights, 0).is_finite);
  CHECK(std::vector<float>(weights.parameters.begin(), weights.parameters.end() - 1) == rest);
  CHECK(loop.parameters_state().steps == 0);
  CHECK(loop.non_finite_task(weights, 0) == std::size_t{0});
}

TEST_CASE("outer loop: too small a budget is refused") {
  Options options = test::small_run();
  const Experiment run(options);
  Options none = run.options;
  none.train.memory_mib = 0;
  const Weights weights = run.initial();
  CHECK_THROWS_AS(OuterLoop(*run.model, *run.domain, none, 1, weights), Error);
}
