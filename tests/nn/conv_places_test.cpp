#include "maml/nn/conv_places.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "maml/base/error.h"
#include "maml/kernels/gathered.h"
#include "maml/nn/layer.h"

using namespace maml;

TEST_CASE("conv_places: images so large that a block of many of them is beyond 32-bit offsets") {
  // One result an image of 2^24 pixels: 400 of them, as small results would have it, are 6.7e9 elements.
  const ConvAxis axis = ConvAxis::make(4096, 3, 4096, true);
  REQUIRE(axis.out == 1);
  const ConvImage large{4096, 4096, 1}, small{1, 1, 7};
  constexpr std::size_t images = 300, block = 400;
  const auto check = [&](const ConvAxis& both, ConvImage source, ConvImage result) {
    ConvPlaces<RowPlace> places({both, both, ConvSums::outputs, source, result, block, false});
    const auto memory = std::make_unique<std::byte[]>(places.bytes());
    places.lay_out(memory.get());
    std::size_t next = 0;
    places.each(images,
                [&](const auto&, const RowPlace* list, std::size_t count, std::ptrdiff_t from, std::ptrdiff_t to) {
                  for (std::size_t i = 0; i < count; ++i, ++next) {
                    CHECK(from + list[i].a == static_cast<std::ptrdiff_t>(next * source.size()));
                    CHECK(to + list[i].c == static_cast<std::ptrdiff_t>(next * result.size()));
                  }
                });
    CHECK(next == images);
  };
  check(axis, large, small);
  // As many channels as a layer may have, in the result.
  check(ConvAxis::make(1, 1, 1, true), small, {1, 1, std::size_t{1} << 26});
}

TEST_CASE("conv_places: every pair of a result and a real pixel comes once, in the order of the taps") {
  for (const std::size_t in : {1, 2, 7, 28})
    for (const std::size_t kernel : {1, 2, 3, 5})
      for (const std::size_t stride : {1, 2, 3})
        for (const bool same : {true, false}) {
          if (!same && kernel > in) continue;
          CAPTURE(in);
          CAPTURE(kernel);
          CAPTURE(stride);
          CAPTURE(same);
          const ConvAxis axis = ConvAxis::make(in, kernel, stride, same);
          for (const std::size_t channels : {3, 9}) {
            ConvLists lists(axis, axis, channels, 2);
            const auto memory = std::make_unique<std::byte[]>(lists.bytes());
            lists.lay_out(memory.get());
            // Sources of each result along both axes, by their places, as forward meets them.
            const std::size_t images = 5, width = axis.in, all = axis.out * axis.out;
            std::vector<std::vector<std::size_t>> met(images * all), wanted(images * all);
            lists.forward.each(images, [&](const auto& patch, const RowPlace* places, std::size_t count,
                                           std::ptrdiff_t from, std::ptrdiff_t to) {
              for (std::size_t p = 0; p < count; ++p)
                for (std::size_t i = 0; i < patch.rows.taps; ++i)
                  for (std::size_t j = 0; j < patch.columns.taps; ++j) {
                    const auto source = from + places[p].a + lists.forward.tap(patch.rows.tap(i), patch.columns.tap(j));
                    met[static_cast<std::size_t>(to + places[p].c) / 2].push_back(static_cast<std::size_t>(source));
                  }
            });
            for (std::size_t image = 0; image < images; ++image)
              for (std::size_t y = 0; y < axis.out; ++y)
                for (std::size_t x = 0; x < axis.out; ++x)
                  for (std::size_t i = 0; i < kernel; ++i)
                    for (std::size_t j = 0; j < kernel; ++j)
                      if (axis.feeds(y, i) && axis.feeds(x, j))
                        wanted[image * all + y * axis.out + x].push_back(
                            ((image * width + axis.pixel(y, i)) * width + axis.pixel(x, j)) * channels);
            CHECK(met == wanted);
          }
        }
}

TEST_CASE("conv_places: an image beyond what a layer may have is refused by name") {
  CHECK_THROWS_WITH_AS(make_layer("conv2d 1 stride=8192", Shape{{8192, 8193, 1}}),
                       doctest::Contains("[conv2d] is too large"), Error);
}
