#pragma once

#include <string>

#include "maml/base/shape.h"
#include "maml/images/image.h"
#include "maml/images/resize.h"

namespace maml {

/// How the pictures of a data set became inputs of a model, so that one from elsewhere can become one as they did. Its
/// text is a filter's name, perhaps with `inverted` behind it: `lanczos`, `nearest inverted`.
struct Preparation {
  Filter filter = Filter::lanczos;
  bool inverted = false;  ///< 255 minus each value, in the end: ink is 255, paper 0
  bool operator==(const Preparation&) const = default;
};
std::string to_text(const Preparation&);
/// The reverse; throws Error that names the owner and what there is.
Preparation parse_preparation(const std::string& text, const std::string& owner);

/// A picture made ready: grey or in colour by the shape's channels (1 or 3), resized to its extents, inverted. What an
/// import puts into a pack, and what a model that learned from that pack is to be given.
Image prepared(const Image&, const Preparation&, const Shape&);

}  // namespace maml
