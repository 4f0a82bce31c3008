#include "maml/diff/adaptation.h"

#include <algorithm>
#include <cassert>
#include <complex>

#include "maml/base/aligned.h"
#include "maml/base/error.h"
#include "maml/diff/memory_plan.h"
#include "maml/kernels/vector.h"

namespace maml {

namespace {

constexpr std::size_t round_up(std::size_t n) {
  return (n + 15) / 16 * 16;
}
std::ptrdiff_t s(std::size_t n) {
  return static_cast<std::ptrdiff_t>(n);
}

/// Hands out parts of one array, or only counts where there is none yet.
template <class T> class Carver {
public:
  explicit Carver(T* base) : base_(base) {}
  T* take(std::size_t n) {
    T* part = base_ ? base_ + used_ : nullptr;
    used_ += round_up(n);
    return part;
  }
  std::size_t used() const { return used_; }

private:
  T* base_;
  std::size_t used_ = 0;
};

}  // namespace

template <class T> class Adaptation<T>::Impl {
public:
  Impl(const AdaptationParts<T>& parts, const AdaptationOptions& options)
      : parts_(parts), options_(options), second_(dynamic_cast<const Objective<T>*>(parts.support)),
        front_parameters_(parts.front ? parts.front->parameters() : 0), head_(parts.support->parameters()),
        all_(front_parameters_ + head_), state_(parts.rule->state_size(head_)) {
    require(options.steps >= 0, "adaptation", "the number of inner steps is negative");
    require(options.tasks >= 1, "adaptation", "a group needs at least one task");
    require(parts.rates->parameters() == all_, "adaptation", "the rates are for ", parts.rates->parameters(),
            " parameters, but there are ", all_);
    require(parts.query->parameters() == head_, "adaptation",
            "support and query objective differ in parameters: ", head_, " and ", parts.query->parameters());
    while (first_slice_ < parts.rates->slices().size() &&
           parts.rates->slices()[first_slice_].offset < front_parameters_)
      ++first_slice_;

    MemoryNeeds needs;
    needs.steps = steps();
    needs.theta = theta_slot();
    needs.tape = tape_slot();
    needs.keep_tapes = options.second_order;
    needs.element = sizeof(T);
    needs.fixed = carve_fixed(nullptr);
    plan_ = plan_memory(needs, options.budget);

    memory_ = AlignedArray<T>(plan_.bytes / sizeof(T));
    T* rest = memory_.data() + carve_fixed(memory_.data());
    thetas_ = rest;
    tapes_ = rest + theta_slots(steps(), plan_.stride) * theta_slot();
    batches_.resize(static_cast<std::size_t>(steps()));
  }

  int steps() const { return options_.steps; }
  std::size_t tasks() const { return options_.tasks; }
  std::size_t parameters() const { return all_; }
  std::size_t front_parameters() const { return front_parameters_; }
  const MemoryPlan& memory() const { return plan_; }
  const T* support_losses() const { return support_losses_; }
  const T* support_metrics() const { return support_metrics_; }
  const T* state_delta() const { return state_delta_; }

  void set_rates(const T* rates) {
    has_rates_ = true;
    for (int set = 0; set < parts_.rates->steps(); ++set) parts_.rates->expand(set, rates, alpha_of(set));
  }

  void run(const T* theta_0, Task<T>& task) {
    require(has_rates_ || steps() == 0, "Adaptation::run", "the inner rates are not set (call set_rates first)");
    task_ = &task;
    adapt(theta_0, true);
  }

  void replay(const T* theta_0) {
    require(task_ != nullptr, "Adaptation::replay", "there is no run to replay (call run first)");
    adapt(theta_0, false);
  }

  Point<T> theta(int k) {
    assert(k >= 0 && k <= steps());
    if (k > 0 && k < steps() && k % plan_.stride != 0 && k / plan_.stride != stretch_)
      recompute_stretch(k / plan_.stride);
    return point(k);
  }

  void query(int k, T* losses, T* metrics, T* gradient) {
    tick();
    const Point<T> at = theta(k);
    Batch<T> batch = parts_.front ? query_features() : task_->query(at);
    check(batch, options_.query_rows, "query");
    if (!gradient) {
      parts_.query->evaluate(at, batch, work_tape_, losses, metrics);
      return;
    }
    GradientOut<T> out;
    out.losses = losses;
    out.metrics = metrics;
    out.g = gradient + front_parameters_;
    out.g_stride = s(all_);
    out.spends_tape = true;
    if (parts_.front) {
      out.dx = d_query_features_;
      out.dx_stride = feature_stride(options_.query_rows);
    }
    parts_.query->gradient(at, batch, work_tape_, out);
    if (parts_.front) {
      parts_.front->backward(front_point(), query_inputs_, query_front_tape_, d_query_features_, out.dx_stride,
                             gradient, s(all_));
      query_features_known_ = false;  // the tape they lie on is spent
    }
  }

  void vjp(T* v, const Inject<T>& inject, T* d_rates, Order order) {
    if (order == Order::second) require_second_order("vjp");
    const RateLayout& rates = *parts_.rates;
    std::fill_n(state_adjoint_, tasks() * state_, T(0));
    if (parts_.front) std::fill_n(d_features_, tasks() * features(options_.support_rows), T(0));
    if (d_rates) std::fill_n(d_rates, tasks() * rates.size(), T(0));
    for (int k = steps() - 1; k >= 0; --k) {
      tick();
      const Point<T> at = theta(k);
      if (order == Order::first && !d_rates) {  // without its gradient a step is the identity
        if (inject) inject(k, at, v);
        continue;
      }
      const Batch<T>& batch = batches_[static_cast<std::size_t>(k)];
      const auto [tape, g] = tape_of(k);
      for (std::size_t i = 0; i < tasks(); ++i) {
        parts_.rule->transpose(head_, alpha_of(rates.set(k)) + front_parameters_, g + i * head_, state_of(k, i),
                               v + i * all_ + front_parameters_, state_adjoint_ + i * state_, u_ + i * head_,
                               d_rates ? d_alpha_ + front_parameters_ : nullptr);
        if (d_rates) rates.reduce(rates.set(k), d_alpha_, d_rates + i * rates.size());
      }
      if (order == Order::second) add_hessian_product(at, batch, tape, v);
      if (inject) inject(k, at, v);
    }
    if (parts_.front && steps() > 0 && order == Order::second) {
      if (support_front_is_spent_) front_support(false);
      support_front_is_spent_ = true;
      parts_.front->backward(front_point(), support_inputs_, support_front_tape_, d_features_,
                             feature_stride(options_.support_rows), front_gradient_, s(front_parameters_));
      for (std::size_t i = 0; i < tasks(); ++i)
        add(front_parameters_, v + i * all_, front_gradient_ + i * front_parameters_, v + i * all_);
    }
  }

  void jvp(T* u) {
    require_second_order("jvp");
    require(!parts_.front, "Adaptation::jvp", "is not for adaptations with a frozen front (make one without)");
    std::fill_n(state_adjoint_, tasks() * state_, T(0));
    for (int k = 0; k < steps(); ++k) {
      tick();
      const Point<T> at = theta(k);
      const auto [tape, g] = tape_of(k);
      second_->hvp(at, batches_[static_cast<std::size_t>(k)], tape, Direction<T>{u, s(head_)}, scratch_, hv_, s(head_),
                   nullptr, 0);
      for (std::size_t i = 0; i < tasks(); ++i)
        parts_.rule->tangent(head_, alpha_of(parts_.rates->set(k)), g + i * head_, state_of(k, i), hv_ + i * head_,
                             u + i * head_, state_adjoint_ + i * state_);
    }
  }

private:
  // Memory. A theta slot holds theta_k of all tasks, then the rule's states; a tape slot the tapes, then g_k.
  std::size_t theta_slot() const { return round_up(tasks() * (head_ + state_)); }
  std::size_t support_tape() const {
    const std::size_t rows = options_.support_rows;
    return tasks() * (options_.second_order ? parts_.support->tape_size(rows) : parts_.support->spent_tape_size(rows));
  }
  std::size_t tape_slot() const { return round_up(support_tape()) + round_up(tasks() * head_); }
  std::size_t features(std::size_t rows) const { return parts_.front ? rows * parts_.front->features() : 0; }
  std::ptrdiff_t feature_stride(std::size_t rows) const { return s(features(rows)); }
  T* alpha_of(int set) const { return alpha_ + static_cast<std::size_t>(set) * round_up(all_); }

  /// Elements held whatever the plan; sets the pointers where base is not null.
  std::size_t carve_fixed(T* base) {
    Carver<T> carver(base);
    const std::size_t n = tasks();
    alpha_ = carver.take(static_cast<std::size_t>(parts_.rates->steps()) * round_up(all_));
    work_tape_ = carver.take(std::max(tape_slot(), n * parts_.query->spent_tape_size(options_.query_rows)));
    support_losses_ = carver.take(n);
    support_metrics_ = carver.take(n);
    losses_ = carver.take(n);
    state_delta_ = carver.take(n * parts_.support->state_size());
    if (state_ > 0) zero_state_ = carver.take(state_);
    u_ = carver.take(n * head_);
    state_adjoint_ = carver.take(n * state_);
    d_alpha_ = carver.take(all_);
    if (options_.second_order) {
      scratch_ = carver.take(support_tape());
      hv_ = carver.take(n * head_);
    }
    if (parts_.front) {
      const std::size_t support = n * features(options_.support_rows), query = n * features(options_.query_rows);
      support_front_tape_ = carver.take(n * parts_.front->tape_size(options_.support_rows));
      query_front_tape_ = carver.take(n * parts_.front->tape_size(options_.query_rows));
      support_features_ = carver.take(support);
      query_features_ = carver.take(query);
      d_features_ = carver.take(support);
      dx_dot_ = carver.take(support);
      d_query_features_ = carver.take(query);
      front_gradient_ = carver.take(n * front_parameters_);
    }
    return carver.used();
  }

  /// The slot of theta_k: kept every stride-th, the last one, or in the stretch between two kept ones.
  T* theta_slot_of(int k) const {
    const int kept = steps() > 0 ? (steps() - 1) / plan_.stride : 0;
    int slot;
    if (k == steps())
      slot = kept;
    else if (k % plan_.stride == 0)
      slot = k / plan_.stride - 1;
    else
      slot = kept + k % plan_.stride;
    return thetas_ + static_cast<std::size_t>(slot) * theta_slot();
  }
  Point<T> point(int k) const {
    if (k == 0) return {theta_0_ + front_parameters_, 0, 0};
    return {theta_slot_of(k), s(head_), k};
  }
  const T* state_of(int k, std::size_t task) const {
    if (state_ == 0) return nullptr;
    return k == 0 ? zero_state_ : theta_slot_of(k) + tasks() * head_ + task * state_;
  }
  bool tape_is_kept(int k) const { return k >= steps() - plan_.tapes_kept; }
  T* tape_slot_of(int k) const {
    return tape_is_kept(k) ? tapes_ + static_cast<std::size_t>(steps() - 1 - k) * tape_slot() : work_tape_;
  }
  struct TapeAndGradient {
    T *tape, *g;
  };
  static constexpr bool first_run = true;
  static constexpr int no_stretch = -1;

  void tick() const {
    if (options_.tick) options_.tick();
  }

  // Passes.
  Point<T> front_point() const { return {theta_0_, 0, 0}; }

  /// Gradient pass of step k into its tape slot.
  TapeAndGradient gradient_at(int k, bool is_first_run) {
    tick();
    T* tape = tape_slot_of(k);
    T* g = tape + round_up(support_tape());
    GradientOut<T> out;
    out.g = g;
    out.g_stride = s(head_);
    out.spends_tape = !options_.second_order;
    out.losses = is_first_run && k == 0 ? support_losses_ : losses_;
    if (is_first_run) {
      if (k == 0) out.metrics = support_metrics_;
      out.state_delta = parts_.support->state_size() ? state_delta_ : nullptr;
      out.state_stride = s(parts_.support->state_size());
    }
    parts_.support->gradient(point(k), batches_[static_cast<std::size_t>(k)], tape, out);
    return {tape, g};
  }
  TapeAndGradient tape_of(int k) {
    if (!tape_is_kept(k)) return gradient_at(k, !first_run);
    T* tape = tape_slot_of(k);
    return {tape, tape + round_up(support_tape())};
  }
  void step(int k, const T* g) {
    const Point<T> at = point(k);
    T* next = theta_slot_of(k + 1);
    for (std::size_t i = 0; i < tasks(); ++i)
      parts_.rule->step(head_, alpha_of(parts_.rates->set(k)) + front_parameters_, g + i * head_,
                        at.theta + s(i) * at.stride, state_of(k, i), next + i * head_,
                        state_ ? next + tasks() * head_ + i * state_ : nullptr);
  }

  /// v += H_k u, and what the features of a frozen front get of it.
  void add_hessian_product(Point<T> at, const Batch<T>& batch, const T* tape, T* v) {
    const Direction<T> direction{u_, s(head_), parts_.rates->mask().data() + first_slice_};
    second_->hvp(at, batch, tape, direction, scratch_, hv_, s(head_), dx_dot_, feature_stride(options_.support_rows));
    for (std::size_t i = 0; i < tasks(); ++i) {
      T* part = v + i * all_ + front_parameters_;
      add(head_, part, hv_ + i * head_, part);
    }
    if (parts_.front) add(tasks() * features(options_.support_rows), d_features_, dx_dot_, d_features_);
  }

  void adapt(const T* theta_0, bool ask_for_batches) {
    theta_0_ = theta_0;
    query_features_known_ = false;
    std::fill_n(state_delta_, tasks() * parts_.support->state_size(), T(0));
    for (int k = 0; k < steps(); ++k) {
      Batch<T>& batch = batches_[static_cast<std::size_t>(k)];
      if (parts_.front) {
        if (k == 0) front_support(ask_for_batches);
        batch = support_batch_of_features_;
      } else if (ask_for_batches) {
        batch = task_->support(k, point(k));
        check(batch, options_.support_rows, "support");
      }
      stretch_ = k / plan_.stride;
      step(k, gradient_at(k, first_run).g);
    }
  }

  /// Brings theta_k of one stretch between two kept ones back.
  void recompute_stretch(int stretch) {
    stretch_ = no_stretch;  // until all of it is there
    const int begin = stretch * plan_.stride, end = std::min(begin + plan_.stride, steps()) - 1;
    for (int k = begin; k < end; ++k) step(k, tape_of(k).g);
    stretch_ = stretch;
  }

  void front_support(bool ask_for_batches) {
    if (ask_for_batches) {
      support_inputs_ = task_->support(0, front_point());
      check(support_inputs_, options_.support_rows, "support");
    }
    parts_.front->forward(front_point(), support_inputs_, support_front_tape_, support_features_,
                          feature_stride(options_.support_rows));
    support_front_is_spent_ = false;
    support_batch_of_features_ = support_inputs_;
    support_batch_of_features_.x = support_features_;
    support_batch_of_features_.x_stride = feature_stride(options_.support_rows);
  }
  Batch<T> query_features() {
    if (!query_features_known_) {
      query_inputs_ = task_->query(front_point());
      check(query_inputs_, options_.query_rows, "query");
      parts_.front->forward(front_point(), query_inputs_, query_front_tape_, query_features_,
                            feature_stride(options_.query_rows));
      query_features_known_ = true;
    }
    Batch<T> batch = query_inputs_;
    batch.x = query_features_;
    batch.x_stride = feature_stride(options_.query_rows);
    return batch;
  }

  void check(const Batch<T>& batch, std::size_t most_rows, const char* what) const {
    require(batch.tasks == tasks(), "adaptation", "a ", what, " batch has ", batch.tasks, " tasks, but the group has ",
            tasks(), " (set Batch::tasks)");
    require(batch.rows <= most_rows, "adaptation", "a ", what, " batch has ", batch.rows, " rows, but at most ",
            most_rows, " were announced (AdaptationOptions)");
  }
  void require_second_order(const char* what) const {
    const std::string where = std::string("Adaptation::") + what;
    require(second_ != nullptr, where,
            "the support objective has no Hessian-vector product, which second-order rows "
            "need (use fomaml or reptile, or derive it from Objective)");
    require(options_.second_order, where, "was not announced (set AdaptationOptions::second_order)");
  }

  const AdaptationParts<T> parts_;
  const AdaptationOptions options_;
  const Objective<T>* const second_;
  const std::size_t front_parameters_, head_, all_, state_;
  std::size_t first_slice_ = 0;  // of the head
  MemoryPlan plan_;
  AlignedArray<T> memory_;
  T *alpha_ = nullptr, *work_tape_ = nullptr, *support_losses_ = nullptr, *support_metrics_ = nullptr,
    *losses_ = nullptr, *state_delta_ = nullptr, *zero_state_ = nullptr, *scratch_ = nullptr, *u_ = nullptr,
    *hv_ = nullptr, *state_adjoint_ = nullptr, *d_alpha_ = nullptr, *support_front_tape_ = nullptr,
    *query_front_tape_ = nullptr, *support_features_ = nullptr, *query_features_ = nullptr, *d_features_ = nullptr,
    *dx_dot_ = nullptr, *d_query_features_ = nullptr, *front_gradient_ = nullptr, *thetas_ = nullptr, *tapes_ = nullptr;

  // The run at hand.
  bool has_rates_ = false;
  Task<T>* task_ = nullptr;
  const T* theta_0_ = nullptr;
  std::vector<Batch<T>> batches_;  // one a step
  int stretch_ = 0;                // whose theta_k are at hand
  Batch<T> support_inputs_, query_inputs_, support_batch_of_features_;
  bool query_features_known_ = false, support_front_is_spent_ = false;
};

template <class T>
Adaptation<T>::Adaptation(const AdaptationParts<T>& parts, const AdaptationOptions& options)
    : impl_(std::make_unique<Impl>(parts, options)) {}
template <class T> Adaptation<T>::~Adaptation() = default;
template <class T> std::size_t Adaptation<T>::parameters() const {
  return impl_->parameters();
}
template <class T> std::size_t Adaptation<T>::front_parameters() const {
  return impl_->front_parameters();
}
template <class T> int Adaptation<T>::steps() const {
  return impl_->steps();
}
template <class T> std::size_t Adaptation<T>::tasks() const {
  return impl_->tasks();
}
template <class T> const MemoryPlan& Adaptation<T>::memory() const {
  return impl_->memory();
}
template <class T> void Adaptation<T>::set_rates(const T* rates) {
  impl_->set_rates(rates);
}
template <class T> void Adaptation<T>::run(const T* theta_0, Task<T>& task) {
  impl_->run(theta_0, task);
}
template <class T> void Adaptation<T>::replay(const T* theta_0) {
  impl_->replay(theta_0);
}
template <class T> Point<T> Adaptation<T>::theta(int k) {
  return impl_->theta(k);
}
template <class T> const T* Adaptation<T>::support_losses() const {
  return impl_->support_losses();
}
template <class T> const T* Adaptation<T>::support_metrics() const {
  return impl_->support_metrics();
}
template <class T> const T* Adaptation<T>::state_delta() const {
  return impl_->state_delta();
}
template <class T> void Adaptation<T>::query(int k, T* losses, T* metrics, T* gradient) {
  impl_->query(k, losses, metrics, gradient);
}
template <class T> void Adaptation<T>::vjp(T* v, const Inject<T>& inject, T* d_rates, Order order) {
  impl_->vjp(v, inject, d_rates, order);
}
template <class T> void Adaptation<T>::jvp(T* u) {
  impl_->jvp(u);
}

template class Adaptation<float>;
template class Adaptation<double>;
template class Adaptation<std::complex<double>>;

}  // namespace maml
