#include "maml/algorithms/unrolled.h"

namespace maml {

/// Oh et al., ICLR 2021: all but the last layer is adapted.
Algorithm boil_row() {
  AlgorithmTraits traits;
  traits.which = AlgorithmTraits::Adapts::body;
  return {"boil", "all but the last layer adapts (Oh et al. 2021)", traits, unrolled_gradient<float, Order::second>,
          unrolled_gradient<double, Order::second>};
}

}  // namespace maml
