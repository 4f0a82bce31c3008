#include "maml/algorithms/unrolled.h"

namespace maml {

/// Li et al. 2017: one learned inner rate for every parameter.
Algorithm meta_sgd_row() {
  AlgorithmTraits traits;
  traits.learns_element_rates = true;
  return {"meta_sgd", "MAML that also learns a rate for every parameter (Li et al. 2017)", traits,
          unrolled_gradient<float, Order::second>, unrolled_gradient<double, Order::second>};
}

}  // namespace maml
