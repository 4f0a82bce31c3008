#include "maml/images/resize.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "maml/base/error.h"
#include "maml/io/md5.h"

using namespace maml;

namespace {

Image pattern(std::size_t height, std::size_t width, std::size_t channels) {
  Image image(height, width, channels);
  std::uint8_t* to = image.pixels.data();
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t x = 0; x < width; ++x)
      for (std::size_t c = 0; c < channels; ++c)
        *to++ = static_cast<std::uint8_t>(y * 37 + x * 91 + c * 53 + y * x % 17 * 5);
  return image;
}

std::string sum_of(const Image& image) {
  return md5(std::as_bytes(std::span(image.pixels)));
}

}  // namespace

TEST_CASE("resize: the bytes that Pillow 13 gives") {
  struct Case {
    std::size_t height, width, channels, to_height, to_width;
    const char *filter, *md5;
  };
  const Case cases[] = {
      {13, 17, 3, 5, 7, "nearest", "495e61466f09d97d94e191ffa56c5b20"},
      {13, 17, 3, 5, 7, "bilinear", "4f67b33bb9a03860de93682fede9bb88"},
      {13, 17, 3, 5, 7, "lanczos", "45e09ae04f3a023c0a8314c778b2ce05"},
      {13, 17, 3, 20, 9, "nearest", "42fbb8a94719e566c4d2764eaf24101a"},
      {13, 17, 3, 20, 9, "bilinear", "98d224340c9935cf80863cbdcd71ec69"},
      {13, 17, 3, 20, 9, "lanczos", "79664b34770a2acd55a0f45667bbfeab"},
      {40, 31, 1, 11, 31, "nearest", "0a91e777e5e8538524c1c6661d683d6e"},
      {40, 31, 1, 11, 31, "bilinear", "fee87d4d024e126b7f98a7d45342dae9"},
      {40, 31, 1, 11, 31, "lanczos", "45c2b55a0e333d742d92c7875937e3a5"},
      {105, 105, 1, 28, 28, "nearest", "f3f2792ef7a6dd53c2c3bdebeaa7e9c6"},
      {105, 105, 1, 28, 28, "bilinear", "b4c33caa39b4192bab1206034bf3066d"},
      {105, 105, 1, 28, 28, "lanczos", "810e39cc28b4384d51ea4e0268a46a78"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.filter);
    CAPTURE(one.to_height);
    const Image image = pattern(one.height, one.width, one.channels);
    const Image result = resize(image, one.to_height, one.to_width, filter_named(one.filter));
    CHECK((result.height == one.to_height && result.width == one.to_width && result.channels == one.channels));
    CHECK(sum_of(result) == one.md5);
  }
  CHECK(sum_of(to_grey(pattern(13, 17, 3))) == "65de89ca4a2d08f859724cdf3dc8bf78");
}

TEST_CASE("resize: one colour stays that colour, the same size the same picture") {
  Image plain(9, 14, 3);
  std::fill(plain.pixels.begin(), plain.pixels.end(), std::uint8_t{201});
  for (const auto& name : filter_names()) {
    const Image small = resize(plain, 4, 3, filter_named(name)), large = resize(plain, 31, 40, filter_named(name));
    for (const auto* image : {&small, &large})
      CHECK(std::all_of(image->pixels.begin(), image->pixels.end(), [](std::uint8_t value) { return value == 201; }));
    const Image image = pattern(9, 14, 3);
    CHECK(resize(image, 9, 14, filter_named(name)).pixels == image.pixels);
  }
}

TEST_CASE("resize: nearest takes the pixel under the middle of the new one") {
  const Image image = pattern(105, 105, 1), result = resize(image, 28, 28, Filter::nearest);
  for (std::size_t y = 0; y < 28; ++y)
    for (std::size_t x = 0; x < 28; ++x) {
      const auto row = static_cast<std::size_t>((static_cast<double>(y) + 0.5) * 3.75);
      const auto column = static_cast<std::size_t>((static_cast<double>(x) + 0.5) * 3.75);
      CHECK(result.pixels[y * 28 + x] == image.pixels[row * 105 + column]);
    }
}

TEST_CASE("resize: names and colours") {
  CHECK_THROWS_WITH_AS(filter_named("lanzcos"), doctest::Contains("did you mean lanczos?"), Error);
  const Image grey = pattern(3, 4, 1);
  CHECK(to_colour(grey).pixels.size() == 36);
  CHECK(to_grey(to_colour(grey)).pixels == grey.pixels);
  CHECK(to_grey(grey).pixels == grey.pixels);
}
