#include "maml/algorithms/joint.h"

namespace maml {

/// The baseline of Finn et al. 2017, section 5.1: trained on all tasks jointly, then adapted like the others.
Algorithm pretrained_row() {
  AlgorithmTraits traits;
  traits.second_order = false;
  traits.adapts = false;
  return {"pretrained", "joint training on all tasks, the paper's baseline (Finn et al. 2017)", traits,
          joint_gradient<float>, joint_gradient<double>};
}

}  // namespace maml
