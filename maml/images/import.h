#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "maml/images/resize.h"
#include "maml/io/image_pack_index.h"

namespace maml {

enum class OnBroken { fail, skip };
enum class Colours { as_they_are, grey, colour };

struct ImportOptions {
  /// Folders, zips or tars.
  std::vector<std::string> inputs;
  /// The pack to write; it may exist only with `overwrite`.
  std::string out;
  bool overwrite = false;
  /// What to do about a picture that cannot be read.
  OnBroken on_broken = OnBroken::fail;
  /// As parse_split_rule has it; "" is the usual one of the data set.
  std::string split;
  std::uint64_t split_seed = 0;
  /// 0: the usual ones of the data set, or as the pictures are, which must then agree.
  std::size_t height = 0, width = 0;
  std::optional<Filter> filter;  ///< none: nearest for Omniglot, else lanczos
  /// As they are, they must agree.
  Colours colours = Colours::as_they_are;
};

struct ImportCallbacks {
  /// Pictures done, and all.
  std::function<void(std::size_t, std::size_t)> progress;
  /// A picture that was skipped.
  std::function<void(const std::string&)> notice;
  /// True ends the import, which leaves nothing behind.
  std::function<bool()> stop;
};

struct ImportSummary {
  bool stopped = false;
  PackIndex index;
  std::size_t broken = 0;    ///< pictures skipped
  std::size_t left_out = 0;  ///< files that are neither PNG nor JPEG
};

// Each writes one pack, the same for the same pictures and options however they are packed.

/// Omniglot from its archives: a class is ALPHABET/CHARACTER, ink is 255. Usually 28 x 28 and split 1100/100/423 by a
/// shuffle; the split `background/evaluation` is by archive. A filter other than nearest sees grey pictures.
ImportSummary import_omniglot(const ImportOptions& options, const ImportCallbacks& = {});

/// mini-ImageNet from three inputs, the pictures of train, validation and test; a class is a folder. 84 x 84 in colour,
/// as they are.
ImportSummary import_mini_imagenet(const ImportOptions& options, const ImportCallbacks& = {});

/// A class is the path of a folder with pictures, without what all paths begin with. Usually split by folder where
/// those at the top are train, val and test, else 64%/16%/20%.
ImportSummary import_images(const ImportOptions& options, const ImportCallbacks& = {});

}  // namespace maml
