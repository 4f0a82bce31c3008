#pragma once

#include "maml/nn/layer_text.h"

namespace maml {

/// What `batch_norm` and `layer_norm` add to a variance: `epsilon=` of the text, else TensorFlow's for the one and
/// PyTorch's for the other.
inline double norm_epsilon(const LayerText& text) {
  return text.number("epsilon", text.kind() == "batch_norm" ? 1e-3 : 1e-5);
}

}  // namespace maml
