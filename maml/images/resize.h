#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "maml/images/image.h"

namespace maml {

/// How pixels are made from those of another size. `nearest` takes the pixel under the middle of the new one; the
/// others are convolutions as wide as the new pixels, so that details too small to show are averaged and not picked at
/// random.
enum class Filter { nearest, bilinear, lanczos };
const char* to_string(Filter filter);
std::vector<std::string> filter_names();
/// By name; throws Error that names the nearest.
Filter filter_named(const std::string& name);

/// Stretched or squeezed to these extents; the results are Pillow's.
Image resize(const Image& image, std::size_t height, std::size_t width, Filter filter);

/// One channel: 0.299 red + 0.587 green + 0.114 blue, as Pillow rounds it.
Image to_grey(const Image& image);
/// Three channels; grey ones three times the same.
Image to_colour(const Image& image);

}  // namespace maml
