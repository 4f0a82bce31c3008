#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "maml/nn/model.h"
#include "maml/tasks/domain.h"
#include "maml/train/options.h"

namespace maml {

struct MetaBatchOptions {
  std::string algorithm = "maml";
  InnerOptions inner = {};
  std::size_t ways = 1, shots = 10, query_shots = 10;
  std::size_t tasks = 25;  ///< tasks a gradient is the mean of
  std::size_t group = 0;   ///< tasks one worker adapts at once; 0: suitable_group
  int threads = 0;         ///< 0: all processors
  std::uint64_t seed = 0;
  std::int64_t second_order_from = 0;   ///< iterations before it are first order
  std::size_t budget = default_budget;  ///< bytes that all workers may hold together
  std::function<void()> tick = {};      ///< of the workers' adaptations, so called by all threads
};

/// Tasks that each of so many workers had best adapt at once: few where tasks are large, as many as spread the cost of
/// calls over them where they are small, and so that all workers have the same share. pass_flops: of one pass of a
/// task, of which a meta-gradient with K inner steps has 2 K + 1.
std::size_t suitable_group(std::size_t tasks, int workers, double pass_flops);

/// One outer gradient; means over the tasks unless said otherwise.
template <class T> struct MetaBatchResult {
  double loss = 0;             ///< meta-loss
  double before = 0;           ///< metric at theta_0, on the support data
  double after = 0;            ///< metric at theta_K, on the query data
  std::vector<T> gradient;     ///< of the meta-loss by theta_0
  std::vector<T> d_rates;      ///< by the inner rates; empty where they are fixed
  std::vector<T> state_delta;  ///< what to add to the running statistics: the mean also over the passes that met them
  std::vector<T> losses;       ///< one a task
};

/// Outer gradients: the tasks of an iteration are drawn from (seed, iteration, task), spread over worker threads,
/// adapted and differentiated, and their gradients summed by a binary tree over the task index. So results depend
/// neither on threads, nor on groups, nor on the budget. Allocates nothing after the first gradient
/// (but see release).
///
///     MetaBatch<float> batch(model, domain, {.inner = {.steps = 1, .alpha = 0.01}});
///     OuterOptimiser<float> outer({.rate = 1e-3}, model.parameters());
///     auto theta = model.initial<float>(0);
///     for (std::uint32_t i = 0; i < 10000; ++i) outer.step(theta.data(), batch.gradient(theta.data(),
///     i).gradient.data());
template <class T> class MetaBatch {
public:
  /// Model and domain are borrowed. Where the budget does not do for all threads, fewer work. Throws Error where model
  /// and domain do not fit each other, or the budget is too small for one worker.
  MetaBatch(const Model&, const Domain&, const MetaBatchOptions&);
  ~MetaBatch();

  /// At parameters theta (Model::parameters() values) and the inner rates of the options. The result is this object's
  /// own and is overwritten by the next call; it may be changed (clipped).
  MetaBatchResult<T>& gradient(const T* theta, std::uint32_t iteration);
  /// At other rates (RateLayout::size() values) and running statistics (Model::state_size() values, or null).
  MetaBatchResult<T>& gradient(const T* theta, const T* rates, const T* state, std::uint32_t iteration);

  /// The lowest task of that iteration whose loss or gradient is not finite.
  std::optional<std::size_t> non_finite_task(const T* theta, const T* rates, const T* state, std::uint32_t iteration);

  const RateLayout& layout() const;
  const std::vector<T>& initial_rates() const;
  bool learns_rates() const;
  int workers() const;
  /// Whether fewer work than threads and tasks were given, for lack of memory.
  bool is_short_of_memory() const;
  /// Bytes held by all workers together.
  std::size_t bytes() const;
  /// Gives back what the workers hold, until the next gradient.
  void release();

private:
  class Impl;
  std::unique_ptr<Impl> impl_;
  bool is_short_of_memory_ = false;
};

/// The meta-batch that a run's options describe.
struct Options;
MetaBatchOptions meta_batch_options(const Options&, int threads, std::size_t budget, std::function<void()> tick = {});

}  // namespace maml
