#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "maml/images/image.h"

namespace maml {

/// A PNG or a JPEG, told apart by their first bytes. 1 to 8 bits a channel, palettes, interlaced and progressive ones;
/// grey stays grey, transparent parts come to lie on white. A PNG's values are taken as they are stored, whatever it
/// says of gamma and colour spaces. What is broken, cut short, of 16 bits, CMYK, or larger than 16384 pixels a side or
/// 64 million in all is an Error at `name`.
Image decode_image(std::span<const std::byte> bytes, const std::string& name);

/// Whether a file's name ends as those of PNGs and JPEGs do.
bool is_picture(const std::string& path);

// The two behind it.
Image decode_png(std::span<const std::byte> bytes, const std::string& name);
Image decode_jpeg(std::span<const std::byte> bytes, const std::string& name);

/// Extents that a picture may have; else an Error at `name`. For decoders, before they take memory.
void require_extents(std::size_t height, std::size_t width, const std::string& name);

}  // namespace maml
