#pragma once

#include <vector>

#include "maml/diff/inner_rule.h"
#include "maml/nn/model.h"

namespace maml {

/// Rates of elements (RateLayout::size() values) at the border: one tensor a parameter, under its name and in PyTorch's
/// layout; where each step has rates of its own, the step is the first extent.
template <class T> std::vector<BorderTensor> element_rates_to_border(const Model&, const RateLayout&, const T* rates);
/// And back; the tensors are those of element_rates_to_border with other values.
template <class T>
std::vector<T> element_rates_from_border(const Model&, const RateLayout&, const std::vector<BorderTensor>&);

}  // namespace maml
