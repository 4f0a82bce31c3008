#include "maml/images/decode.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include <png.h>

#include "maml/base/error.h"

namespace maml {

namespace {

constexpr std::size_t longest_side = 16384, most_pixels = std::size_t{64} << 20;
constexpr std::array<unsigned char, 8> png_signature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::array<unsigned char, 3> jpeg_signature = {0xff, 0xd8, 0xff};
constexpr std::size_t png_depth_at = 24;

bool begins_with(std::span<const std::byte> bytes, std::span<const unsigned char> signature) {
  return bytes.size() >= signature.size() && std::equal(signature.begin(), signature.end(), bytes.begin(),
                                                        [](unsigned char a, std::byte b) { return std::byte{a} == b; });
}

/// libpng's own state, freed whatever happens.
struct Reader {
  png_image image{};
  Reader() { image.version = PNG_IMAGE_VERSION; }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_image_free(&image); }
};

/// Drops the last of `channels` channels, the opacity.
Image on_white(const Image& given) {
  const std::size_t channels = given.channels - 1;
  Image result(given.height, given.width, channels);
  for (std::size_t pixel = 0; pixel < given.height * given.width; ++pixel) {
    const std::uint8_t* from = given.pixels.data() + pixel * given.channels;
    const unsigned opacity = from[channels];
    for (std::size_t c = 0; c < channels; ++c)
      result.pixels[pixel * channels + c] =
          static_cast<std::uint8_t>((from[c] * opacity + 255 * (255 - opacity) + 127) / 255);
  }
  return result;
}

}  // namespace

void require_extents(std::size_t height, std::size_t width, const std::string& name) {
  require(height >= 1 && width >= 1 && height <= longest_side && width <= longest_side && height * width <= most_pixels,
          name, "is ", height, " x ", width, " pixels (at most ", longest_side, " a side and ", most_pixels,
          " in all; make it smaller)");
}

bool is_picture(const std::string& path) {
  std::string extension = std::filesystem::path(path).extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

Image decode_image(std::span<const std::byte> bytes, const std::string& name) {
  require(!bytes.empty(), name, "is an empty file (replace it, or leave it out)");
  if (begins_with(bytes, png_signature)) return decode_png(bytes, name);
  if (begins_with(bytes, jpeg_signature)) return decode_jpeg(bytes, name);
  fail(name, "is neither PNG nor JPEG (convert it, or leave it out)");
}

Image decode_png(std::span<const std::byte> bytes, const std::string& name) {
  const char* const remedy = " (replace it, or leave it out)";
  require(bytes.size() > png_depth_at, name, "is a broken PNG: it has only ", bytes.size(), " bytes", remedy);
  require(bytes[png_depth_at] != std::byte{16}, name, "has 16 bits a channel (convert it to 8)");
  Reader reader;
  png_image& image = reader.image;
  const auto done = [&](int succeeded) {
    require(succeeded != 0, name, "is a broken PNG: ", static_cast<const char*>(image.message), remedy);
  };
  done(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()));
  require_extents(image.height, image.width, name);
  image.format &= PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA;
  Image result(image.height, image.width, PNG_IMAGE_PIXEL_CHANNELS(image.format));
  done(png_image_finish_read(&image, nullptr, result.pixels.data(), 0, nullptr));
  return result.channels % 2 == 0 ? on_white(result) : result;
}

}  // namespace maml
