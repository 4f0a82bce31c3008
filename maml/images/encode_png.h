#pragma once

#include <cstddef>
#include <vector>

#include "maml/images/image.h"

namespace maml {

/// The bytes of a PNG file; the same image gives the same bytes.
std::vector<std::byte> encode_png(const Image& image);

}  // namespace maml
