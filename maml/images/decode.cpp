#include "maml/images/decode.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include "maml/base/error.h"

namespace maml {

namespace {

constexpr std::size_t longest_side = 16384, most_pixels = std::size_t{64} << 20;
constexpr std::array<unsigned char, 8> png_signature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::array<unsigned char, 3> jpeg_signature = {0xff, 0xd8, 0xff};

bool begins_with(std::span<const std::byte> bytes, std::span<const unsigned char> signature) {
  return bytes.size() >= signature.size() && std::equal(signature.begin(), signature.end(), bytes.begin(),
                                                        [](unsigned char a, std::byte b) { return std::byte{a} == b; });
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

}  // namespace maml
