#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "maml/diff/adaptation.h"

namespace maml {

/// What one group of tasks contributes to an outer step; filled by an algorithm, which allocates nothing.
template <class T> struct MetaGradient {
  std::vector<T> losses;    ///< meta-loss of each task: its query loss after adaptation, weighted over steps if asked
  std::vector<T> before;    ///< metric of each task at theta_0, on the support data (joint training: on its only data)
  std::vector<T> after;     ///< metric of each task at theta_K, on the query data
  std::vector<T> gradient;  ///< tasks x parameters
  std::vector<T> d_rates;   ///< tasks x RateLayout::size(); empty where rates are fixed

  /// rates: RateLayout::size() where they are learned, 0 where fixed.
  MetaGradient(std::size_t tasks, std::size_t parameters, std::size_t rates)
      : losses(tasks), before(tasks), after(tasks), gradient(tasks * parameters), d_rates(tasks * rates),
        step_losses(tasks), step_gradient(tasks * parameters) {}

  // Scratch of the algorithms.
  std::vector<T> step_losses, step_gradient;
};

/// What an algorithm reads beside the adaptation.
template <class T> struct AlgorithmInput {
  const T* theta_0;
  /// w_0 .. w_K of the query losses; empty: the last only.
  std::span<const T> step_weights;
  bool first_order = false;  ///< leaves the Hessians out, whatever the row does
};

/// What a row of the table implies for the inner loop; the user's own settings go on top.
struct AlgorithmTraits {
  bool second_order = true;
  bool adapts = true;  ///< false: trains jointly, with an adaptation of 0 steps; the inner loop serves evaluation only
  bool learns_element_rates = false;
  bool inner_minibatches = false;
  bool differentiates = true;  ///< false: moves by displacement, without query gradients or gradients by the rates
  bool oracle_inputs = false;  ///< the task's own parameters are appended to the input
  /// Which parameters are adapted unless the user says so: all, the last layer only, or all but the last layer.
  enum class Adapts { all, head, body } which = Adapts::all;
};

/// One row of the table of algorithms.
struct Algorithm {
  std::string_view name;
  std::string_view summary;  ///< one line, with its source
  AlgorithmTraits traits;
  void (*f32)(Adaptation<float>&, Task<float>&, const AlgorithmInput<float>&, MetaGradient<float>&);
  void (*f64)(Adaptation<double>&, Task<double>&, const AlgorithmInput<double>&, MetaGradient<double>&);

  void operator()(Adaptation<float>& a, Task<float>& t, const AlgorithmInput<float>& in,
                  MetaGradient<float>& out) const {
    f32(a, t, in, out);
  }
  void operator()(Adaptation<double>& a, Task<double>& t, const AlgorithmInput<double>& in,
                  MetaGradient<double>& out) const {
    f64(a, t, in, out);
  }
};

/// The table. Adding an algorithm is one file and one line in algorithms.cpp.
std::span<const Algorithm> algorithms();
/// The row of that name; throws Error that names the nearest.
const Algorithm& algorithm(std::string_view name);

}  // namespace maml
