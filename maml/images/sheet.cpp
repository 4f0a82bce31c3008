#include "maml/images/sheet.h"

#include <algorithm>

#include "maml/base/error.h"
#include "maml/images/encode_png.h"

namespace maml {

namespace {

constexpr std::size_t gap = 2, longest_side = 16384;
constexpr std::uint8_t paper = 128;

}  // namespace

Sheet draw_sheet(const ImagePack& pack, const SheetOptions& options) {
  const PackIndex& index = pack.index();
  require(options.classes >= 1 && options.images >= 1, "sheet", "needs at least one class and one image");
  require(index.channels == 1 || index.channels == 3, pack.path(), "has ", index.channels,
          " channels, which make no picture (1 or 3 do)");
  std::vector<std::size_t> found;
  std::uint64_t most = 0;
  for (std::size_t c = 0; c < index.classes.size(); ++c) {
    if (options.split && index.classes[c].split != *options.split) continue;
    found.push_back(c);
    most = std::max(most, index.classes[c].count);
  }
  require(!found.empty(), pack.path(), "has no classes in its split ", to_string(*options.split));

  Sheet sheet;
  sheet.columns = std::min<std::size_t>(options.images, most);
  const std::size_t rows = std::min(options.classes, found.size());
  const std::size_t cell_height = index.height + gap, cell_width = index.width + gap;
  require(rows * cell_height + gap <= longest_side && sheet.columns * cell_width + gap <= longest_side, "sheet", "of ",
          rows, " x ", sheet.columns, " images is too large (ask for fewer classes or images)");
  Image picture(rows * cell_height + gap, sheet.columns * cell_width + gap, index.channels);
  std::fill(picture.pixels.begin(), picture.pixels.end(), paper);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t c = found[row * found.size() / rows];
    sheet.classes.push_back(c);
    pack.check(c);
    const PackedClass& one = index.classes[c];
    for (std::size_t column = 0; column < std::min<std::uint64_t>(sheet.columns, one.count); ++column) {
      const std::uint8_t* from = pack.pixels(one.first + column);
      std::uint8_t* to = picture.pixels.data() +
                         ((row * cell_height + gap) * picture.width + column * cell_width + gap) * index.channels;
      for (std::size_t y = 0; y < index.height; ++y)
        std::copy_n(from + y * index.width * index.channels, index.width * index.channels,
                    to + y * picture.width * index.channels);
    }
  }
  sheet.png = encode_png(picture);
  return sheet;
}

}  // namespace maml
