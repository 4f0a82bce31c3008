#include <algorithm>

#include "maml/algorithms/algorithm.h"

namespace maml {

namespace {

/// theta_0 - theta_K stands in the place of the gradient: the outer step subtracts it.
template <class T>
void displacement(Adaptation<T>& adaptation, Task<T>& task, const AlgorithmInput<T>& in, MetaGradient<T>& out) {
  const std::size_t tasks = adaptation.tasks(), all = adaptation.parameters(), front = adaptation.front_parameters();
  adaptation.run(in.theta_0, task);
  std::copy_n(adaptation.support_metrics(), tasks, out.before.data());
  adaptation.query(adaptation.steps(), out.losses.data(), out.after.data(), nullptr);
  const Point<T> end = adaptation.theta(adaptation.steps());
  for (std::size_t i = 0; i < tasks; ++i) {
    T* to = out.gradient.data() + i * all;
    const T* theta_K = end.theta + static_cast<std::ptrdiff_t>(i) * end.stride;
    std::fill_n(to, front, T(0));
    for (std::size_t e = front; e < all; ++e) to[e] = in.theta_0[e] - theta_K[e - front];
  }
}

}  // namespace

/// Nichol, Achiam and Schulman 2018, algorithm 1 (with the query data for judging only).
Algorithm reptile_row() {
  AlgorithmTraits traits;
  traits.second_order = false;
  traits.inner_minibatches = true;
  traits.differentiates = false;
  return {"reptile", "moves towards the adapted parameters; inner mini-batches (Nichol et al. 2018)", traits,
          displacement<float>, displacement<double>};
}

}  // namespace maml
