#pragma once

#include <algorithm>

#include "maml/algorithms/algorithm.h"

namespace maml {

/// The gradient of the query loss at theta_0, over an adaptation of 0 steps: one model for all tasks at once.
template <class T>
void joint_gradient(Adaptation<T>& adaptation, Task<T>& task, const AlgorithmInput<T>& in, MetaGradient<T>& out) {
  adaptation.run(in.theta_0, task);
  adaptation.query(0, out.losses.data(), out.after.data(), out.gradient.data());
  std::copy(out.after.begin(), out.after.end(), out.before.begin());
}

}  // namespace maml
