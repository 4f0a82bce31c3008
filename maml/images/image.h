#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace maml {

/// An 8-bit picture: rows from the top, channels (1: grey, 3: red, green, blue) of a pixel together.
struct Image {
  std::size_t height = 0, width = 0, channels = 1;
  std::vector<std::uint8_t> pixels;

  Image() = default;
  /// Black.
  Image(std::size_t rows, std::size_t columns, std::size_t depth)
      : height(rows), width(columns), channels(depth), pixels(rows * columns * depth) {}
};

}  // namespace maml
