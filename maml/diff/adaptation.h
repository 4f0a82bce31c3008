#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "maml/diff/inner_rule.h"
#include "maml/diff/objective.h"
#include "maml/diff/task.h"

namespace maml {

/// Bytes that all workers may hold together where nobody says otherwise. Two of mini-ImageNet's have room to adapt in,
/// and its 50 inner steps take less than a fifth more memory than 1 (docs/performance.md).
constexpr std::size_t default_budget = std::size_t{320} << 20;

/// What an adaptation is made of. Pointers are borrowed and must outlive it.
template <class T> struct AdaptationParts {
  const FirstOrderObjective<T>* support = nullptr;
  const FirstOrderObjective<T>* query = nullptr;  ///< often the same
  const InnerRule<T>* rule = nullptr;
  const RateLayout* rates = nullptr;
  /// The frozen front, where there is one and support data do not change from step to step; null otherwise. The two
  /// objectives are then those of the head: their inputs are features, their parameters follow the front's in theta.
  const FeatureMap<T>* front = nullptr;
};

struct AdaptationOptions {
  int steps = 1;
  std::size_t tasks = 1;         ///< tasks in the group
  std::size_t support_rows = 0;  ///< the most rows a support batch will have
  std::size_t query_rows = 0;    ///< the most rows a query batch will have
  /// Whether `vjp` and `jvp` will be asked for; without them tapes are not kept.
  bool second_order = true;
  /// Bytes this adaptation may hold. Tapes are dropped and recomputed first, then theta_k are kept every so many steps
  /// and recomputed between. Results are the same to the bit.
  std::size_t budget = default_budget;
  /// Called before every inner step, on the way there, back and again, and before every query pass. What it throws ends
  /// the call; after a `run` or `replay` that ended so, there has to be another.
  std::function<void()> tick = {};
};

/// A budget below the least that would do.
class BudgetError : public Error {
public:
  using Error::Error;
};

/// How an adaptation used its budget.
struct MemoryPlan {
  std::size_t bytes = 0;    ///< all it holds
  std::size_t minimum = 0;  ///< the least budget that would do
  int tapes_kept = 0;       ///< the last so many inner steps keep their tapes
  int stride = 1;           ///< theta_k is kept for every stride-th k
};

/// Query gradients that enter the sweep on the way (loss weights per inner step): for k = steps-1 .. 0, adds what
/// belongs to theta_k into v (parameters() values a task).
template <class T> using Inject = std::function<void(int k, Point<T> theta_k, T* v)>;

/// Whether the sweep applies the Hessians (exact), or leaves them out (first-order MAML).
enum class Order { first, second };

/// theta_0 through `steps` inner steps of a group of tasks, and the exact derivatives of that map
/// (docs/mathematics.md). All memory is taken on construction; nothing is allocated afterwards. Not for use by two
/// threads at once.
template <class T> class Adaptation {
public:
  /// Throws BudgetError where the budget is below the least that would do.
  Adaptation(const AdaptationParts<T>&, const AdaptationOptions&);
  ~Adaptation();

  std::size_t parameters() const;
  int steps() const;
  std::size_t tasks() const;
  const MemoryPlan& memory() const;

  /// Sets the inner rates (RateLayout::size() values). To be called before the first run (which throws Error
  /// otherwise), and after rates change.
  void set_rates(const T* rates);

  /// Adapts from theta_0, shared by all tasks (parameters() values; must stay unchanged until the last use of this
  /// run).
  void run(const T* theta_0, Task<T>& task);
  /// The same support batches from another theta_0, as a trust region's line search needs.
  void replay(const T* theta_0);

  /// Where the tasks stand after k steps, recomputed if need be. With a frozen front these are the head's parameters;
  /// the front's are theta_0's. Valid until the next call of any member.
  Point<T> theta(int k);
  /// Length of the frozen front, 0 without one.
  std::size_t front_parameters() const;
  /// Support losses and metrics at theta_0 of the last run, one a task.
  const T* support_losses() const;
  const T* support_metrics() const;
  /// What the support passes of the last run ask to add to the running statistics, state_size() a task.
  const T* state_delta() const;

  /// Query losses, metrics (null: not wanted) and gradients (parameters() a task, overwritten; null: losses only) at
  /// theta_k.
  void query(int k, T* losses, T* metrics, T* gradient);

  /// The adjoint sweep: v (parameters() a task) becomes J^T v, J = d theta_K / d theta_0. `inject` adds query gradients
  /// on the way. d_rates (or null; RateLayout::size() a task) gets the gradient by the rates. Throws Error where the
  /// support objective has no second derivatives and the order is second.
  void vjp(T* v, const Inject<T>& inject, T* d_rates, Order order = Order::second);

  /// The forward twin: u (parameters() a task) becomes J u. Not with a frozen front.
  void jvp(T* u);

private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace maml
