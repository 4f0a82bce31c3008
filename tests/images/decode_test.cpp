#include "maml/images/decode.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "maml/base/error.h"
#include "tests/images/pictures.h"
#include "tests/support/error_of.h"

using namespace maml;
using namespace maml_test;
using maml::test::error_of;

namespace {

Image decoded(const std::string& bytes) {
  return decode_image(std::as_bytes(std::span(bytes.data(), bytes.size())), "picture");
}

std::string refusal(const std::string& bytes) {
  return error_of([&] { (void)decoded(bytes); });
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

/// The PNG's extents changed, its checksum too.
std::string with_width(std::string bytes, std::uint32_t width) {
  for (int i = 0; i < 4; ++i) bytes[16 + i] = static_cast<char>(width >> (24 - 8 * i));
  std::uint32_t sum = ~0u;
  for (std::size_t at = 12; at < 29; ++at) {
    sum ^= static_cast<unsigned char>(bytes[at]);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
  }
  for (int i = 0; i < 4; ++i) bytes[29 + i] = static_cast<char>(~sum >> (24 - 8 * i));
  return bytes;
}

}  // namespace

TEST_CASE("decode: PNG of every kind, to the pixel") {
  const Image grey = drawn_character(1, 1, 31), colour = photo_like(1, 1, 20, 33);
  for (const Image& image : {grey, colour}) {
    for (const bool is_interlaced : {false, true}) {
      PngKind kind;
      kind.is_interlaced = is_interlaced;
      const Image result = decoded(png(image, kind));
      CHECK((result.height == image.height && result.width == image.width && result.channels == image.channels));
      CHECK(result.pixels == image.pixels);
    }
    CHECK(decoded(png(image)).pixels == image.pixels);
  }
  CHECK(decoded(png(grey, {1, false, false, false})).pixels == grey.pixels);
  CHECK(decoded(png(grey, {4, true, false, false})).pixels == grey.pixels);

  Image numbers(2, 3, 1);
  numbers.pixels = {0, 1, 2, 3, 2, 1};
  for (const int bits : {2, 8}) {
    const Image painted = decoded(png(numbers, {bits, false, true, false}));
    CHECK(painted.channels == 3);
    for (std::size_t i = 0; i < 6; ++i) {
      CHECK(painted.pixels[3 * i] == numbers.pixels[i]);
      CHECK(painted.pixels[3 * i + 1] == 255 - numbers.pixels[i]);
      CHECK(painted.pixels[3 * i + 2] == 7);
    }
  }
}

TEST_CASE("decode: a PNG's values are those stored in it, whatever gamma it says they have") {
  const Image grey = drawn_character(1, 1, 31), colour = photo_like(1, 1, 20, 33);
  Image dim(1, 6, 1), veiled(1, 3, 4);
  dim.pixels = {0, 1, 2, 3, 2, 1};
  veiled.pixels = {10, 20, 30, 255, 10, 20, 30, 0, 10, 20, 30, 51};
  for (const double gamma : {1.0, 0.45455, 0.2}) {
    CHECK(decoded(png(grey, {.gamma = gamma})).pixels == grey.pixels);
    CHECK(decoded(png(colour, {.gamma = gamma})).pixels == colour.pixels);
    CHECK(decoded(png(colour, {.is_interlaced = true, .gamma = gamma})).pixels == colour.pixels);
    CHECK(decoded(png(dim, {.bits = 2, .has_palette = true, .gamma = gamma})).pixels ==
          decoded(png(dim, {.bits = 2, .has_palette = true})).pixels);
    CHECK(decoded(png(veiled, {.has_alpha = true, .gamma = gamma})).pixels ==
          std::vector<std::uint8_t>{10, 20, 30, 255, 255, 255, 206, 208, 210});
  }
  // Grey of few bits covers the whole range.
  for (auto& value : dim.pixels) value = static_cast<std::uint8_t>(85 * value);
  CHECK(decoded(png(dim, {.bits = 2, .gamma = 1})).pixels == std::vector<std::uint8_t>{0, 85, 170, 255, 170, 85});
}

TEST_CASE("decode: what is transparent lies on white") {
  Image image(1, 3, 4);
  image.pixels = {10, 20, 30, 255, 10, 20, 30, 0, 10, 20, 30, 51};
  const Image colour = decoded(png(image, {8, false, false, true}));
  CHECK(colour.channels == 3);
  CHECK(colour.pixels == std::vector<std::uint8_t>{10, 20, 30, 255, 255, 255, 206, 208, 210});
  Image two(1, 2, 2);
  two.pixels = {100, 255, 100, 102};
  const Image grey = decoded(png(two, {8, false, false, true}));
  CHECK(grey.channels == 1);
  CHECK(grey.pixels == std::vector<std::uint8_t>{100, 193});
}

TEST_CASE("decode: JPEG in grey and colour, progressive too, nearly to the pixel") {
  const Image colour = photo_like(2, 1, 40, 37);
  Image grey(40, 37, 1);
  for (std::size_t i = 0; i < grey.pixels.size(); ++i) grey.pixels[i] = colour.pixels[3 * i];
  for (const Image& image : {grey, colour})
    for (const bool is_progressive : {false, true}) {
      const Image result = decoded(jpeg(image, {98, is_progressive, false}));
      CHECK((result.height == 40 && result.width == 37 && result.channels == image.channels));
      double sum = 0;
      for (std::size_t i = 0; i < image.pixels.size(); ++i) sum += std::abs(result.pixels[i] - image.pixels[i]);
      CHECK(sum / static_cast<double>(image.pixels.size()) < 3);
    }
}

TEST_CASE("decode: each kind of bad picture gets one clear line") {
  const Image image = photo_like(3, 1, 24, 24);
  CHECK(refusal("") == "[picture] is an empty file (replace it, or leave it out)");
  CHECK(contains(refusal("GIF89a..."), "is neither PNG nor JPEG"));
  CHECK(contains(refusal(png(image, {16, false, false, false})), "has 16 bits a channel (convert it to 8)"));
  CHECK(contains(refusal(jpeg(image, {90, false, true})), "has CMYK colours (convert it to RGB)"));
  CHECK(contains(refusal(with_width(png(image), 16385)), "is 24 x 16385 pixels (at most 16384 a side"));
  CHECK(contains(refusal(with_width(png(image), 0)), "broken PNG"));
  std::string wide = jpeg(image);
  const auto frame = wide.find("\xff\xc0");
  wide.replace(frame + 5, 4, "\x7f\xff\x7f\xff");
  CHECK(contains(refusal(wide), "is 32767 x 32767 pixels"));
  wide.replace(frame + 5, 4, std::string(4, '\0'));
  CHECK(contains(refusal(wide), "broken JPEG"));
}

TEST_CASE("decode: a picture cut short anywhere is refused") {
  const Image image = photo_like(4, 1, 24, 24);
  const std::string whole_png = png(image), whole_jpeg = jpeg(image), progressive = jpeg(image, {90, true, false});
  const std::size_t data_end = whole_png.size() - 16;  // what follows is the end of the data's checksum and IEND
  for (std::size_t size = 0; size < data_end; size += 1 + size / 20)
    CHECK(contains(refusal(whole_png.substr(0, size)), "[picture]"));
  for (const std::string& whole : {whole_jpeg, progressive})
    for (std::size_t size = 0; size < whole.size() - 2; size += 1 + size / 20)
      CHECK(contains(refusal(whole.substr(0, size)), "[picture]"));
  CHECK(contains(refusal(whole_jpeg.substr(0, whole_jpeg.size() / 2)), "is a broken JPEG: Premature end of JPEG file"));
  CHECK(contains(refusal(whole_png.substr(0, whole_png.size() / 2)), "is a broken PNG: "));
}

TEST_CASE("decode: any damaged byte is an error or a picture, never more") {
  const Image image = photo_like(5, 1, 16, 16);
  for (const std::string& whole : {png(image), jpeg(image), jpeg(image, {90, true, false})})
    for (std::size_t at = 0; at < whole.size(); at += 3) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
      (void)refusal(bytes);
    }
}
