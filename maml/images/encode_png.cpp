#include "maml/images/encode_png.h"

#include <cassert>

#include <png.h>

#include "maml/base/error.h"

namespace maml {

std::vector<std::byte> encode_png(const Image& image) {
  assert(image.channels == 1 || image.channels == 3);
  png_image out{};
  out.version = PNG_IMAGE_VERSION;
  out.width = static_cast<png_uint_32>(image.width);
  out.height = static_cast<png_uint_32>(image.height);
  out.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  std::vector<std::byte> bytes;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(out);
  bytes.resize(size);
  const int succeeded = png_image_write_to_memory(&out, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr);
  require(succeeded != 0, "png", "cannot be made of ", image.height, " x ", image.width,
          " pixels: ", static_cast<const char*>(out.message));
  bytes.resize(size);
  return bytes;
}

}  // namespace maml
