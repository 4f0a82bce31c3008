#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "maml/nn/model.h"
#include "maml/tasks/domain.h"
#include "maml/train/checkpoint.h"
#include "maml/train/experiment.h"
#include "maml/train/meta_batch.h"
#include "maml/train/options.h"
#include "maml/train/outer.h"

namespace maml {

/// What one meta-iteration did; means over its tasks.
struct OuterStep {
  double loss = 0, before = 0, after = 0;  ///< as in MetaBatchResult
  double rate = 0;                         ///< the outer rate of this iteration
  bool is_finite = true;                   ///< false: loss or gradient is not, and no step was made
};

/// The outer loop of meta-learning without files, validation and reports: an outer gradient, a scheduled step of the
/// parameters and, where they are learned, of the inner rates, and the running statistics brought up to date. A
/// meta-iteration allocates nothing after the first (but see release).
class OuterLoop {
public:
  /// Model and domain are borrowed. options: resolved, of this model; `train.iterations` is the length of the schedule
  /// of outer rates. weights: of the model, for their sizes; all calls must give weights of these. The meta-batch may
  /// hold budget(). tick: of the meta-batch; where it throws in a step, weights and optimisers stay. Throws Error where
  /// model and domain do not fit each other, or the budget is too small.
  OuterLoop(const Model&, const Domain&, const Options& options, int threads, const Weights& weights,
            std::function<void()> tick = {});

  /// Meta-iteration `iteration` (from 0) on weights, in place. Where its loss or gradient is not finite, they stay.
  OuterStep step(Weights& weights, std::int64_t iteration);
  /// The lowest task of that iteration whose loss or gradient is not finite at these weights.
  std::optional<std::size_t> non_finite_task(const Weights& weights, std::int64_t iteration);

  /// The state of the optimisers: of the parameters, and of the inner rates where these are learned.
  OptimiserState parameters_state() const;
  std::optional<OptimiserState> rates_state() const;
  /// Goes on from such states; what is absent stays as it is.
  void restore(const std::optional<OptimiserState>& parameters, const std::optional<OptimiserState>& rates);

  /// Bytes of `train.memory_mib` left beside the optimisers, for meta-batches and evaluations by turns.
  std::size_t budget() const { return budget_; }
  int workers() const { return batch_.workers(); }
  /// Whether fewer work than threads and tasks were given, for lack of memory.
  bool is_short_of_memory() const { return batch_.is_short_of_memory(); }
  /// Gives back what the workers hold, until the next step.
  void release() { batch_.release(); }

private:
  const OuterOptions options_;
  const std::int64_t iterations_;
  const std::size_t budget_;
  MetaBatch<float> batch_;
  OuterOptimiser<float> parameters_, rates_;
};

}  // namespace maml
