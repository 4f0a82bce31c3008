#include "maml/nn/conv_places.h"

#include <doctest/doctest.h>

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
  const auto check = [&](const ConvPlaces<RowPlace>& places, ConvImage source, ConvImage result) {
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
  const auto stretches = forward_stretches(axis);
  check({stretches, stretches, large, small, block}, large, small);
  // As many channels as a layer may have, in the result.
  const std::vector<AxisStretch> one = {{0, 1, 1, 1, {{0, 0}}}};
  const ConvImage wide{1, 1, std::size_t{1} << 26};
  check({one, one, small, wide, block}, small, wide);
}

TEST_CASE("conv_places: an image beyond what a layer may have is refused by name") {
  CHECK_THROWS_WITH_AS(make_layer("conv2d 1 stride=8192", Shape{{8192, 8193, 1}}),
                       doctest::Contains("[conv2d] is too large"), Error);
}
