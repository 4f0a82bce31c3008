#pragma once

#include "maml/io/tensor.h"
#include "maml/train/options.h"

namespace maml {

enum class Precision { single, twice };

/// Exact meta-gradients of given tasks at given parameters, to be held against any other framework's. Of the options
/// count [model], [inner], outer.algorithm and, for the normalisation sum/shots, data.shots.
///
/// parameters: PyTorch's names and layouts (`conv1.weight` (out, in, kh, kw), `linear1.weight` (out, in), ..); other
///   tensors are left alone. Where rates are learned, `alpha.NAME` (or `alpha`, one number for all) replaces the rates
///   of the options.
/// tasks: support.x, support.y, query.x, query.y: T x N x .., floats; images N, H, W, C; y int64 labels (T x N) for
///   cross_entropy, else floats. For policy_gradient also support.weight and query.weight (T x N).
/// Result: `loss` (T), `gradient.NAME` (mean over the tasks), and where rates are learned `gradient.alpha.NAME` (or
///   `gradient.alpha`): one value, one for each step, or the parameter's shape. f32 or f64.
/// Throws Error naming the tensor and what is wrong with it.
TensorFile meta_gradient(const Options&, const TensorFile& parameters, const TensorFile& tasks,
                         Precision = Precision::twice);

}  // namespace maml
