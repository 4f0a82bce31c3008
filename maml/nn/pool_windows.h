#pragma once

#include <cstddef>

#include "maml/base/error.h"
#include "maml/base/shape.h"
#include "maml/nn/layer_text.h"

namespace maml {

/// The windows of a pooling over H x W x C images, inside the image only (VALID).
struct PoolWindows {
  std::size_t height, width, channels;  ///< of the input
  std::size_t rows, columns, stride;    ///< extents of a window, and from one to the next

  /// `KIND window stride=..`, square windows; the stride is the window unless given.
  /// (A template, so that who compiles it without exceptions may leave it alone. Text is LayerText.)
  template <class Text> static PoolWindows make(const Text& text, const Shape& input) {
    const std::size_t window = text.size(0, "window"), stride = text.size("stride", window);
    require(input.is_image(), text.kind(), "wants an image (H x W x C), but its input is ", to_string(input));
    require(window <= input.extents[0] && window <= input.extents[1], text.kind(), "window ", window,
            " is larger than input ", to_string(input), " (use a smaller window)");
    return {input.extents[0], input.extents[1], input.channels(), window, window, stride};
  }
  static PoolWindows whole(const Shape& image) {
    return {image.extents[0], image.extents[1], image.channels(), image.extents[0], image.extents[1], 1};
  }

  /// Elements of an image, and pixels of a window.
  std::size_t size() const { return height * width * channels; }
  std::size_t pixels() const { return rows * columns; }
  Shape output() const { return Shape{{(height - rows) / stride + 1, (width - columns) / stride + 1, channels}}; }

  /// f(offset of the window's first pixel in x, offset of the output pixel in y), over all images.
  template <class F> void each(std::size_t images, F f) const {
    const std::size_t out_rows = (height - rows) / stride + 1, out_columns = (width - columns) / stride + 1;
    std::size_t y = 0;
    for (std::size_t image = 0; image < images; ++image)
      for (std::size_t i = 0; i < out_rows; ++i)
        for (std::size_t j = 0; j < out_columns; ++j, y += channels)
          f(((image * height + i * stride) * width + j * stride) * channels, y);
  }
  /// f(offset from the window's first pixel), in reading order.
  template <class F> void each_tap(F f) const {
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j) f((i * width + j) * channels);
  }
};

}  // namespace maml
