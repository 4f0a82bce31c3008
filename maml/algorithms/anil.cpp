#include "maml/algorithms/unrolled.h"

namespace maml {

/// Raghu et al., ICLR 2020: only the last layer is adapted. The frozen front is then run once a task.
Algorithm anil_row() {
  AlgorithmTraits traits;
  traits.which = AlgorithmTraits::Adapts::head;
  return {"anil", "only the last layer adapts; body features once a task (Raghu et al. 2020)", traits,
          unrolled_gradient<float, Order::second>, unrolled_gradient<double, Order::second>};
}

}  // namespace maml
