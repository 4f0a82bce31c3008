#include "maml/algorithms/joint.h"

namespace maml {

/// The upper bound of Finn et al. 2017, section 5.1: joint training of a model that is told the task.
Algorithm oracle_row() {
  AlgorithmTraits traits;
  traits.second_order = false;
  traits.adapts = false;
  traits.oracle_inputs = true;
  return {"oracle", "joint training with the task appended to the input (Finn et al. 2017)", traits,
          joint_gradient<float>, joint_gradient<double>};
}

}  // namespace maml
