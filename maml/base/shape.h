#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace maml {

/// Extents of one row (one example) at a layer's border: {n} for vectors, {H, W, C} for images.
struct Shape {
  std::vector<std::size_t> extents;
  /// The {H, W, C} that a flatten made this vector from, empty elsewhere. A linear layer needs it at the border, where
  /// its inputs are ordered C, H, W.
  std::vector<std::size_t> flattened_from = {};

  std::size_t size() const {
    std::size_t product = 1;
    for (auto extent : extents) product *= extent;
    return product;
  }
  bool is_image() const { return extents.size() == 3; }
  /// Number of channels: the last extent.
  std::size_t channels() const { return extents.empty() ? 1 : extents.back(); }
  bool operator==(const Shape& other) const { return extents == other.extents; }
};

/// `28 x 28 x 1`.
inline std::string to_string(const Shape& shape) {
  std::string text;
  for (auto extent : shape.extents) text += (text.empty() ? "" : " x ") + std::to_string(extent);
  return text;
}

}  // namespace maml
