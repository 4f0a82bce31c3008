#pragma once

#include <cstddef>

#include "maml/base/shape.h"
#include "maml/nn/conv_places.h"
#include "maml/nn/layer_text.h"

namespace maml {

/// Axis 0 (rows) or 1 (columns) of a convolution over an image, by its text `conv2d N kernel=3 stride=1 padding=same`.
inline ConvAxis conv_axis(const LayerText& text, const Shape& image, std::size_t which) {
  return ConvAxis::make(image.extents[which], text.size("kernel", 3), text.size("stride", 1),
                        text.word("padding", "same", {"same", "valid"}) == "same");
}

/// Padding behind; in front it is axis.before.
inline std::size_t padding_behind(const ConvAxis& axis) {
  const std::size_t reach = (axis.out - 1) * axis.stride + axis.kernel;
  return reach > axis.in + axis.before ? reach - axis.in - axis.before : 0;
}

}  // namespace maml
