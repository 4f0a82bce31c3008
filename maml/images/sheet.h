#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "maml/io/image_pack.h"

namespace maml {

struct SheetOptions {
  std::optional<Split> split;  ///< none: classes of all
  std::size_t classes = 20;    ///< rows, spread evenly over the classes
  std::size_t images = 20;     ///< of each class, from its first, at most
};

/// A contact sheet: one row of images for each class.
struct Sheet {
  std::vector<std::size_t> classes;  ///< their numbers in the pack, from the top
  std::size_t columns = 0;
  std::vector<std::byte> png;
};
Sheet draw_sheet(const ImagePack& pack, const SheetOptions& options = {});

}  // namespace maml
