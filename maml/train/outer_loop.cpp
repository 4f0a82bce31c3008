#include "maml/train/outer_loop.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "maml/base/finite.h"

namespace maml {

namespace {

OptimiserState state_of(const OuterOptimiser<float>& optimiser) {
  OptimiserState state{optimiser.steps(), {}};
  for (std::size_t i = 0; i < optimiser.moments(); ++i)
    state.moments.emplace_back(optimiser.moment(i).begin(), optimiser.moment(i).end());
  return state;
}

std::size_t working_budget(const Options& options, const Weights& weights) {
  const std::size_t all = options.train.memory_mib << 20;
  return all - std::min(all, OuterOptimiser<float>::bytes(weights.parameters.size() + weights.rates.size()));
}

}  // namespace

OuterLoop::OuterLoop(const Model& model, const Domain& domain, const Options& options, int threads,
                     const Weights& weights, std::function<void()> tick)
    : options_(options.outer), iterations_(options.train.iterations), budget_(working_budget(options, weights)),
      batch_(model, domain, meta_batch_options(options, threads, budget_, std::move(tick))),
      parameters_(options.outer, weights.parameters.size()),
      rates_(options.outer, batch_.learns_rates() ? weights.rates.size() : 0) {}

OuterStep OuterLoop::step(Weights& weights, std::int64_t iteration) {
  auto& result = batch_.gradient(weights.parameters.data(), weights.rates.data(), weights.state.data(),
                                 static_cast<std::uint32_t>(iteration));
  const double rate = scheduled_rate(options_, options_.rate, iteration, iterations_);
  OuterStep done{result.loss, result.before, result.after, rate, true};
  done.is_finite =
      std::isfinite(result.loss) && all_finite<float>(result.gradient) && all_finite<float>(result.d_rates);
  if (!done.is_finite) return done;
  parameters_.step(weights.parameters.data(), result.gradient.data(), rate);
  if (batch_.learns_rates()) {
    const double base = options_.alpha_rate > 0 ? options_.alpha_rate : options_.rate;
    rates_.step(weights.rates.data(), result.d_rates.data(), scheduled_rate(options_, base, iteration, iterations_));
  }
  for (std::size_t i = 0; i < weights.state.size(); ++i) weights.state[i] += result.state_delta[i];
  return done;
}

std::optional<std::size_t> OuterLoop::non_finite_task(const Weights& weights, std::int64_t iteration) {
  return batch_.non_finite_task(weights.parameters.data(), weights.rates.data(), weights.state.data(),
                                static_cast<std::uint32_t>(iteration));
}

OptimiserState OuterLoop::parameters_state() const {
  return state_of(parameters_);
}

std::optional<OptimiserState> OuterLoop::rates_state() const {
  if (!batch_.learns_rates()) return std::nullopt;
  return state_of(rates_);
}

void OuterLoop::restore(const std::optional<OptimiserState>& parameters, const std::optional<OptimiserState>& rates) {
  if (parameters) parameters_.restore(parameters->steps, parameters->moments);
  if (rates) rates_.restore(rates->steps, rates->moments);
}

}  // namespace maml
