#include "maml/images/resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "maml/base/error.h"
#include "maml/base/nearest.h"

namespace maml {

namespace {

constexpr std::array all_filters = {Filter::nearest, Filter::bilinear, Filter::lanczos};

double sinc(double x) {
  return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
}

double bilinear(double x) {
  return std::max(1 - std::abs(x), 0.0);
}

double lanczos(double x) {
  return std::abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
}

/// For each new pixel of a line: which old ones it is a weighted sum of, with weights in units of 2^-22.
struct Weights {
  static constexpr int precision = 22;
  std::vector<std::size_t> first, count;
  std::vector<std::int32_t> values;  // `most` a pixel
  std::size_t most;

  Weights(std::size_t from, std::size_t to, double (*filter)(double), double radius) : first(to), count(to) {
    const double scale = static_cast<double>(from) / static_cast<double>(to), width = std::max(scale, 1.0);
    const double support = radius * width;
    most = static_cast<std::size_t>(std::ceil(support)) * 2 + 1;
    values.resize(to * most);
    std::vector<double> exact(most);
    for (std::size_t i = 0; i < to; ++i) {
      const double center = (static_cast<double>(i) + 0.5) * scale;
      const auto begin = static_cast<std::size_t>(std::floor(std::max(center - support + 0.5, 0.0)));
      const auto end = std::min(static_cast<std::size_t>(std::floor(center + support + 0.5)), from);
      first[i] = begin;
      count[i] = end - begin;
      double sum = 0;
      for (std::size_t j = 0; j < end - begin; ++j)
        sum += exact[j] = filter((static_cast<double>(begin + j) - center + 0.5) / width);
      for (std::size_t j = 0; j < end - begin; ++j) {
        const double value = exact[j] / sum * (1 << precision);
        values[i * most + j] = static_cast<std::int32_t>(value < 0 ? value - 0.5 : value + 0.5);
      }
    }
  }
};

/// One line: `step` lies between its pixels, of which `channels` neighbours are summed each for itself.
void resample(const std::uint8_t* from, std::size_t step, std::uint8_t* to, std::size_t to_step, std::size_t channels,
              const Weights& weights) {
  for (std::size_t i = 0; i < weights.first.size(); ++i)
    for (std::size_t c = 0; c < channels; ++c) {
      const std::int32_t* weight = weights.values.data() + i * weights.most;
      std::int64_t sum = 1 << (Weights::precision - 1);
      for (std::size_t j = 0; j < weights.count[i]; ++j) sum += weight[j] * from[(weights.first[i] + j) * step + c];
      to[i * to_step + c] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum >> Weights::precision, 0, 255));
    }
}

Image convolved(const Image& image, std::size_t height, std::size_t width, double (*filter)(double), double radius) {
  Image wide(image.height, width, image.channels);
  const Weights across(image.width, width, filter, radius);
  for (std::size_t row = 0; row < image.height; ++row)
    resample(image.pixels.data() + row * image.width * image.channels, image.channels,
             wide.pixels.data() + row * width * image.channels, image.channels, image.channels, across);
  Image result(height, width, image.channels);
  const Weights down(image.height, height, filter, radius);
  const std::size_t line = width * image.channels;
  for (std::size_t column = 0; column < line; ++column)
    resample(wide.pixels.data() + column, line, result.pixels.data() + column, line, 1, down);
  return result;
}

Image picked(const Image& image, std::size_t height, std::size_t width) {
  Image result(height, width, image.channels);
  const auto place = [](std::size_t i, std::size_t from, std::size_t to) { return (2 * i + 1) * from / (2 * to); };
  std::uint8_t* to = result.pixels.data();
  for (std::size_t y = 0; y < height; ++y) {
    const std::uint8_t* row = image.pixels.data() + place(y, image.height, height) * image.width * image.channels;
    for (std::size_t x = 0; x < width; ++x, to += image.channels)
      std::copy_n(row + place(x, image.width, width) * image.channels, image.channels, to);
  }
  return result;
}

}  // namespace

const char* to_string(Filter filter) {
  switch (filter) {
  case Filter::nearest:
    return "nearest";
  case Filter::bilinear:
    return "bilinear";
  case Filter::lanczos:
    break;
  }
  return "lanczos";
}

std::vector<std::string> filter_names() {
  std::vector<std::string> names;
  names.reserve(all_filters.size());
  for (const Filter filter : all_filters) names.emplace_back(to_string(filter));
  return names;
}

Filter filter_named(const std::string& name) {
  for (const Filter filter : all_filters)
    if (name == to_string(filter)) return filter;
  fail("filter", "unknown filter '", name, "'", did_you_mean(name, filter_names()), " (known: ", join(filter_names()),
       ")");
}

Image resize(const Image& image, std::size_t height, std::size_t width, Filter filter) {
  if (image.height == height && image.width == width) return image;
  switch (filter) {
  case Filter::nearest:
    return picked(image, height, width);
  case Filter::bilinear:
    return convolved(image, height, width, bilinear, 1);
  case Filter::lanczos:
    break;
  }
  return convolved(image, height, width, lanczos, 3);
}

Image to_grey(const Image& image) {
  if (image.channels == 1) return image;
  Image result(image.height, image.width, 1);
  for (std::size_t i = 0; i < result.pixels.size(); ++i) {
    const std::uint8_t* from = image.pixels.data() + i * 3;
    result.pixels[i] =
        static_cast<std::uint8_t>((from[0] * 19595u + from[1] * 38470u + from[2] * 7471u + 0x8000) >> 16);
  }
  return result;
}

Image to_colour(const Image& image) {
  if (image.channels == 3) return image;
  Image result(image.height, image.width, 3);
  for (std::size_t i = 0; i < result.pixels.size(); ++i) result.pixels[i] = image.pixels[i / 3];
  return result;
}

}  // namespace maml
