#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "maml/tasks/domain.h"

namespace maml {

struct ImageDomainOptions {
  /// An image pack (maml data import makes one).
  std::string file;
  /// `none`; `task`: each class of each task is turned by a number of quarter turns drawn for it, in testing too;
  /// `classes`: a class turned by 0, 1, 2 or 3 quarter turns is a class of its own. Counter-clockwise, square images.
  std::string rotations = "none";
};

/// The input that the value of a pixel becomes.
template <class T> T pixel_input(std::uint8_t value) {
  return static_cast<T>(value) / 255;
}

/// Classification of images: a task draws `ways` classes from the split of its purpose (train, validation, test) and of
/// each `shots` + `query_shots` images, all of them different. Classes come in random order and are labelled 0, 1, ..
/// in that order. Row s * ways + w of the support set, and of the query set, is an image labelled w. Inputs are value /
/// 255 in the order height, width, channels. Classes are named as in the pack, turned ones `name, turned 90°`.
std::unique_ptr<Domain> make_images(const ImageDomainOptions& options);

}  // namespace maml
