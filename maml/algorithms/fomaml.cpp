#include "maml/algorithms/unrolled.h"

namespace maml {

/// Finn et al. 2017, section 5.2; Nichol et al. 2018: the query gradient at theta_K, taken as if it were at theta_0.
Algorithm fomaml_row() {
  AlgorithmTraits traits;
  traits.second_order = false;
  return {"fomaml", "first-order MAML: Hessians left out (Finn et al. 2017)", traits,
          unrolled_gradient<float, Order::first>, unrolled_gradient<double, Order::first>};
}

}  // namespace maml
