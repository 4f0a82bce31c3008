#include "maml/train/meta_batch.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "maml/algorithms/algorithm.h"
#include "maml/base/error.h"
#include "maml/base/finite.h"
#include "maml/base/workers.h"
#include "maml/train/experiment.h"
#include "maml/train/flops.h"
#include "maml/train/inner_loop.h"
#include "maml/train/tree_sum.h"

namespace maml {

template <class T> class MetaBatch<T>::Impl {
public:
  Impl(const Model& model, const Domain& domain, const MetaBatchOptions& options)
      : options_(options), row_(algorithm(options.algorithm)), initial_state_(model.initial_state<T>()),
        state_(initial_state_), loop_(model, options.inner, Mode{}, state_.data()),
        steps_(row_.traits.adapts ? options.inner.steps : 0),
        state_passes_(model.state_passes(static_cast<std::size_t>(steps_))),
        group_(std::min(options.group, options.tasks)), items_((options.tasks + group_ - 1) / group_),
        workers_(options.threads), parameters_(model.parameters()),
        rates_(loop_.learns_rates() ? loop_.layout().size() : 0), weights_(options.inner.step_weights.size()),
        sum_(options.tasks, row_width(), workers_.count(), group_), domain_(domain),
        episode_(episode_options(model, {}, options.inner, {options.ways, options.shots, options.query_shots})),
        shape_(episode_shape(model, domain, episode_)) {
    adaptation_.steps = steps_;
    adaptation_.tasks = group_;
    adaptation_.support_rows = shape_.support_rows;
    adaptation_.query_rows = shape_.query_rows;
    adaptation_.second_order = row_.traits.second_order || loop_.learns_rates() || !weights_.empty();
    adaptation_.tick = options.tick;
    const std::size_t workers = static_cast<std::size_t>(workers_.count());
    const std::size_t own = sum_.bytes() +
                            workers * group_ * ((2 * parameters_ + rates_ + state_.size()) * sizeof(T) + shape_.bytes) +
                            result_bytes();
    if (own >= options.budget)
      throw BudgetError("[memory] the tasks of a meta-batch and their gradients take " + std::to_string(own) +
                        " bytes, more than the budget of " + std::to_string(options.budget) +
                        " (raise train.memory_mib, or use fewer threads or a smaller train.group)");
    adaptation_.budget = (options.budget - own) / workers;
    own_ = own;
    take_hands();
    result_.gradient.resize(parameters_);
    result_.d_rates.resize(rates_);
    result_.state_delta.resize(state_.size());
    result_.losses.resize(options.tasks);
    before_.resize(options.tasks);
    after_.resize(options.tasks);
  }

  MetaBatchResult<T>& gradient(const T* theta, const T* rates, const T* state, std::uint32_t iteration) {
    take_hands();
    place(rates, state, iteration);
    sum_.reset();
    workers_.each(items_, [&](int worker, std::size_t item) {
      Hand& hand = hands_[static_cast<std::size_t>(worker)];
      const std::size_t first = run(hand, theta, iteration, item);
      // The last group begins earlier so that it is full: what the one before has in common with it is the same.
      const std::size_t count = first_of(item + 1) - first;
      std::copy_n(hand.out.losses.data(), count, result_.losses.data() + first);
      std::copy_n(hand.out.before.data(), count, before_.data() + first);
      std::copy_n(hand.out.after.data(), count, after_.data() + first);
      std::copy_n(hand.adaptation->state_delta(), hand.state_delta.size(), hand.state_delta.data());
      const typename TreeSum<T>::Columns columns[] = {{hand.out.gradient.data(), parameters_},
                                                      {hand.out.d_rates.data(), rates_},
                                                      {hand.state_delta.data(), state_.size()}};
      sum_.add(first, count, columns);
    });
    const T share = T(1) / static_cast<T>(options_.tasks);
    const T* from = sum_.sum();
    from = scale(from, share, result_.gradient);
    from = scale(from, share, result_.d_rates);
    for (std::size_t e = 0; e < state_.size(); ++e)
      result_.state_delta[e] = from[e] * share / static_cast<T>(state_passes_[e]);
    result_.loss = mean(result_.losses);
    result_.before = mean(before_);
    result_.after = mean(after_);
    return result_;
  }

  std::optional<std::size_t> non_finite_task(const T* theta, const T* rates, const T* state, std::uint32_t iteration) {
    take_hands();
    place(rates, state, iteration);
    Hand& hand = hands_[0];
    for (std::size_t item = 0; item < items_; ++item) {
      const std::size_t first = run(hand, theta, iteration, item);
      for (std::size_t i = 0; i < group_; ++i)
        if (!std::isfinite(hand.out.losses[i]) ||
            !all_finite(std::span<const T>(hand.out.gradient).subspan(i * parameters_, parameters_)) ||
            !all_finite(std::span<const T>(hand.out.d_rates).subspan(i * rates_, rates_)))
          return first + i;
    }
    return {};
  }

  const InnerLoop<T>& loop() const { return loop_; }
  int workers() const { return workers_.count(); }
  std::size_t bytes() const {
    std::size_t sum = own_;
    for (const auto& hand : hands_) sum += hand.adaptation->memory().bytes;
    return sum;
  }
  void release() { hands_.clear(); }

private:
  /// What one worker holds.
  struct Hand {
    std::unique_ptr<TaskGroup<T>> task;
    std::unique_ptr<Adaptation<T>> adaptation;
    MetaGradient<T> out;
    TaskRows rows;  ///< the most that the adaptation takes
    std::vector<T> state_delta;
    std::uint64_t placed = 0;  ///< the call, from 1 on, whose rates the adaptation has
  };

  void take_hands() {
    while (hands_.size() < static_cast<std::size_t>(workers_.count()))
      hands_.push_back({domain_.group<T>(group_, episode_),
                        loop_.adaptation(adaptation_, shape_.fixed_support),
                        MetaGradient<T>(group_, parameters_, rates_),
                        {adaptation_.support_rows, adaptation_.query_rows},
                        std::vector<T>(group_ * state_.size())});
  }

  std::size_t row_width() const { return parameters_ + rates_ + state_.size(); }
  std::size_t result_bytes() const { return (row_width() + 3 * options_.tasks) * sizeof(T); }

  void place(const T* rates, const T* state, std::uint32_t iteration) {
    weigh_steps(iteration);
    std::copy_n(state ? state : initial_state_.data(), state_.size(), state_.begin());
    rates_at_hand_ = rates ? rates : loop_.initial_rates().data();
    ++call_;
  }

  /// The weights of the query losses in that iteration.
  void weigh_steps(std::uint32_t iteration) {
    const auto& given = options_.inner.step_weights;
    const auto until = static_cast<double>(options_.inner.step_weights_until);
    const double gone = until > 0 ? std::min(iteration / until, 1.0) : 0;
    for (std::size_t k = 0; k < given.size(); ++k)
      weights_[k] = static_cast<T>((1 - gone) * given[k] + (k + 1 == given.size() ? gone : 0));
    step_weights_ = gone < 1 ? std::span<const T>(weights_) : std::span<const T>();
  }

  /// The first of the item's tasks: of the one behind the last item, as many as there are tasks.
  std::size_t first_of(std::size_t item) const {
    return item == items_ ? options_.tasks : std::min(item * group_, options_.tasks - group_);
  }

  /// Gradients of the item's tasks; returns the first of them.
  std::size_t run(Hand& hand, const T* theta, std::uint32_t iteration, std::size_t item) {
    const std::size_t first = first_of(item);
    Draw draw{options_.seed, Purpose::train_task, iteration, static_cast<std::uint32_t>(first)};
    hand.task->draw(draw);
    make_room(hand);
    if (hand.placed != call_) hand.adaptation->set_rates(rates_at_hand_);
    hand.placed = call_;
    ++draw.iteration;
    hand.task->prefetch(draw);
    row_(*hand.adaptation, *hand.task, AlgorithmInput<T>{theta, step_weights_, iteration < options_.second_order_from},
         hand.out);
    return first;
  }

  /// Takes a larger adaptation where the task drawn has more rows than any this hand has met.
  void make_room(Hand& hand) {
    const TaskRows rows = hand.task->drawn_rows();
    if (rows.support <= hand.rows.support && rows.query <= hand.rows.query) return;
    hand.rows = {std::max(rows.support, hand.rows.support), std::max(rows.query, hand.rows.query)};
    AdaptationOptions larger = adaptation_;
    larger.support_rows = hand.rows.support;
    larger.query_rows = hand.rows.query;
    hand.adaptation.reset();
    hand.adaptation = loop_.adaptation(larger, shape_.fixed_support);
    hand.placed = 0;
  }

  static const T* scale(const T* from, T factor, std::vector<T>& to) {
    for (T& value : to) value = *from++ * factor;
    return from;
  }
  double mean(const std::vector<T>& values) const {
    return tree_sum(values.data(), values.size()) / static_cast<double>(values.size());
  }

  const MetaBatchOptions options_;
  const Algorithm& row_;
  const std::vector<T> initial_state_;
  std::vector<T> state_;
  const InnerLoop<T> loop_;
  const int steps_;
  const std::vector<std::size_t> state_passes_;
  const std::size_t group_, items_;
  Workers workers_;
  const std::size_t parameters_, rates_;
  std::vector<T> weights_;
  std::span<const T> step_weights_;  // weights_, or none where the last step alone counts
  TreeSum<T> sum_;
  const Domain& domain_;
  const EpisodeOptions episode_;
  const EpisodeShape shape_;
  AdaptationOptions adaptation_;
  std::vector<Hand> hands_;
  const T* rates_at_hand_ = nullptr;
  std::uint64_t call_ = 0;
  std::vector<T> before_, after_;
  MetaBatchResult<T> result_;
  std::size_t own_ = 0;  // bytes beside the hands'
};

template <class T> MetaBatch<T>::MetaBatch(const Model& model, const Domain& domain, const MetaBatchOptions& options) {
  require(options.tasks >= 1 && options.threads >= 0, "MetaBatch", "tasks must be at least 1, threads at least 0");
  require_fit(model, domain);
  MetaBatchOptions fitting = options;
  fitting.inner = resolved_inner(options.inner, options.algorithm, model);
  const int threads = options.threads > 0 ? options.threads : available_threads();
  if (!domain.tasks_are_alike())
    fitting.group = 1;
  else if (options.group == 0)
    fitting.group = suitable_group(options.tasks, threads,
                                   task_flops(model, domain, fitting.algorithm, fitting.inner,
                                              {options.ways, options.shots, options.query_shots}) /
                                       (2 * fitting.inner.steps + 1));
  const auto useful_threads = [&] {
    const std::size_t groups = (options.tasks + fitting.group - 1) / fitting.group;
    return static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(threads), groups));
  };
  fitting.threads = useful_threads();
  while (!impl_) {
    try {
      impl_ = std::make_unique<Impl>(model, domain, fitting);
    } catch (const BudgetError&) {
      if (options.group == 0 && fitting.group > 1) {
        fitting.group = 1;
        fitting.threads = useful_threads();
        continue;
      }
      if (fitting.threads == 1) throw;
      --fitting.threads;
      is_short_of_memory_ = true;
    }
  }
}
template <class T> MetaBatch<T>::~MetaBatch() = default;
template <class T> MetaBatchResult<T>& MetaBatch<T>::gradient(const T* theta, std::uint32_t iteration) {
  return impl_->gradient(theta, nullptr, nullptr, iteration);
}
template <class T>
MetaBatchResult<T>& MetaBatch<T>::gradient(const T* theta, const T* rates, const T* state, std::uint32_t iteration) {
  return impl_->gradient(theta, rates, state, iteration);
}
template <class T>
std::optional<std::size_t> MetaBatch<T>::non_finite_task(const T* theta, const T* rates, const T* state,
                                                         std::uint32_t iteration) {
  return impl_->non_finite_task(theta, rates, state, iteration);
}
template <class T> const RateLayout& MetaBatch<T>::layout() const {
  return impl_->loop().layout();
}
template <class T> const std::vector<T>& MetaBatch<T>::initial_rates() const {
  return impl_->loop().initial_rates();
}
template <class T> bool MetaBatch<T>::learns_rates() const {
  return impl_->loop().learns_rates();
}
template <class T> int MetaBatch<T>::workers() const {
  return impl_->workers();
}
template <class T> bool MetaBatch<T>::is_short_of_memory() const {
  return is_short_of_memory_;
}
template <class T> std::size_t MetaBatch<T>::bytes() const {
  return impl_->bytes();
}
template <class T> void MetaBatch<T>::release() {
  impl_->release();
}

template class MetaBatch<float>;
template class MetaBatch<double>;

std::size_t suitable_group(std::size_t tasks, int workers, double pass_flops) {
  // A pass's calls cost about as much as that much arithmetic, once a group.
  constexpr double calls_flops = 2.7e4, good_enough = 1.05;
  const auto cost = [&](std::size_t group) {
    const std::size_t groups = (tasks + group - 1) / group, count = static_cast<std::size_t>(workers);
    const std::size_t rounds = (groups + count - 1) / count;
    return static_cast<double>(rounds) * (static_cast<double>(group) * pass_flops + calls_flops);
  };
  double least = cost(1);
  for (std::size_t group = 2; group <= tasks; ++group) least = std::min(least, cost(group));
  std::size_t group = 1;
  while (cost(group) > good_enough * least) ++group;
  return group;
}

MetaBatchOptions meta_batch_options(const Options& options, int threads, std::size_t budget,
                                    std::function<void()> tick) {
  MetaBatchOptions result;
  result.algorithm = options.outer.algorithm;
  result.inner = options.inner;
  result.ways = options.data.ways;
  result.shots = options.data.shots;
  result.query_shots = options.data.query_shots;
  result.tasks = options.data.tasks * options.outer.accumulate;
  result.group = options.train.group;
  result.threads = threads;
  result.seed = options.train.seed;
  result.second_order_from = options.outer.second_order_from;
  result.budget = budget;
  result.tick = std::move(tick);
  return result;
}

}  // namespace maml
