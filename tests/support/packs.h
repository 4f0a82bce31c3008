#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "maml/io/image_pack.h"

namespace maml_test {

/// A pack for tests: image `i` of class `c` (numbers over the whole pack) has its bytes from `byte_of`, so that a test
/// can tell from any three bytes in a row which image and place they are from. Classes come in the order of their
/// splits and are named after them: train0, train1, .., test0.
struct SmallPack {
  std::size_t height = 6, width = 6, channels = 1;
  std::size_t train = 8, validation = 6, test = 7;  ///< classes
  std::uint64_t images = 9;                         ///< of each class
  std::string about = "made by a test";

  static std::uint8_t byte_of(std::size_t c, std::uint64_t i, std::size_t at) {
    return static_cast<std::uint8_t>(at % 3 == 0 ? c * 11 + 5 : at % 3 == 1 ? i * 7 + 3 : at / 3);
  }

  maml::PackIndex plan() const {
    maml::PackIndex plan;
    plan.height = height;
    plan.width = width;
    plan.channels = channels;
    plan.about = about;
    plan.preparation = "nearest";
    const auto add = [&](maml::Split split, std::size_t count) {
      for (std::size_t c = 0; c < count; ++c)
        plan.classes.push_back({to_string(split) + std::to_string(c), "", split, 0, images, 0});
    };
    add(maml::Split::train, train);
    add(maml::Split::validation, validation);
    add(maml::Split::test, test);
    return plan;
  }

  std::vector<std::uint8_t> image(std::size_t c, std::uint64_t i) const {
    std::vector<std::uint8_t> bytes(height * width * channels);
    for (std::size_t at = 0; at < bytes.size(); ++at) bytes[at] = byte_of(c, i, at);
    return bytes;
  }

  void write(const std::string& path) const {
    const maml::PackIndex all = plan();
    maml::ImagePackWriter writer(path, all);
    for (std::size_t c = 0; c < all.classes.size(); ++c)
      for (std::uint64_t i = 0; i < images; ++i) writer.put(c, i, image(c, i));
    writer.finish();
  }
};

}  // namespace maml_test
