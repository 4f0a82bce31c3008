#pragma once

#include <algorithm>

#include "maml/algorithms/algorithm.h"
#include "maml/kernels/vector.h"

namespace maml {

/// The meta-gradient of sum_k w_k L_query(theta_k) through the unrolled adaptation (docs/mathematics.md), exact or
/// first order. Rows that differ in what is adapted or learned share it.
template <class T, Order of_row>
void unrolled_gradient(Adaptation<T>& adaptation, Task<T>& task, const AlgorithmInput<T>& in, MetaGradient<T>& out) {
  const Order order = in.first_order ? Order::first : of_row;
  const int steps = adaptation.steps();
  const std::size_t tasks = adaptation.tasks(), n = tasks * adaptation.parameters();
  adaptation.run(in.theta_0, task);
  std::copy_n(adaptation.support_metrics(), tasks, out.before.data());
  adaptation.query(steps, out.losses.data(), out.after.data(), out.gradient.data());

  const auto weights = in.step_weights;
  if (!weights.empty()) {
    const T last = weights[static_cast<std::size_t>(steps)];
    for (T& loss : out.losses) loss *= last;
    for (T& g : out.gradient) g *= last;
  }
  const auto inject_step = [&](int k, Point<T>, T* v) {
    const T weight = weights[static_cast<std::size_t>(k)];
    if (weight == T(0)) return;
    adaptation.query(k, out.step_losses.data(), nullptr, out.step_gradient.data());
    for (std::size_t i = 0; i < tasks; ++i) out.losses[i] += weight * out.step_losses[i];
    add_scaled(n, v, weight, out.step_gradient.data(), v);
  };
  const bool learns_rates = !out.d_rates.empty();
  if (order == Order::first && weights.empty() && !learns_rates) return;
  adaptation.vjp(out.gradient.data(), weights.empty() ? Inject<T>() : Inject<T>(std::cref(inject_step)),
                 learns_rates ? out.d_rates.data() : nullptr, order);
}

}  // namespace maml
