#include "maml/algorithms/unrolled.h"

namespace maml {

/// Finn, Abbeel and Levine, ICML 2017, algorithm 1.
Algorithm maml_row() {
  return {"maml", "exact second-order meta-gradient (Finn et al. 2017)", AlgorithmTraits{},
          unrolled_gradient<float, Order::second>, unrolled_gradient<double, Order::second>};
}

}  // namespace maml
