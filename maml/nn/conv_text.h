#pragma once

#include <cstddef>

#include "maml/base/shape.h"
#include "maml/nn/conv_places.h"
#include "maml/nn/layer_text.h"

namespace maml {

/// What the text of a convolution says: `conv2d N kernel=3 stride=1 padding=same`.
struct ConvText {
  std::size_t kernel, stride;
  bool is_same;  ///< padding, of the two `same` and `valid`

  explicit ConvText(const LayerText& text)
      : kernel(text.size("kernel", 3)), stride(text.size("stride", 1)),
        is_same(text.word("padding", "same", {"same", "valid"}) == "same") {}
};

/// Axis 0 (rows) or 1 (columns) of a convolution over an image.
inline ConvAxis conv_axis(const LayerText& text, const Shape& image, std::size_t which) {
  const ConvText conv(text);
  return ConvAxis::make(image.extents[which], conv.kernel, conv.stride, conv.is_same);
}

/// Padding behind; in front it is axis.before.
inline std::size_t padding_behind(const ConvAxis& axis) {
  const std::size_t reach = (axis.out - 1) * axis.stride + axis.kernel;
  return reach > axis.in + axis.before ? reach - axis.in - axis.before : 0;
}

}  // namespace maml
