#include "maml/images/preparation.h"

#include <algorithm>
#include <sstream>
#include <vector>

#include "maml/base/error.h"
#include "maml/base/nearest.h"

namespace maml {

namespace {

const std::string inverted_word = "inverted";

std::string known_texts() {
  return " (write one of " + join(filter_names()) + ", with " + inverted_word + " behind it where ink is to be 255)";
}

}  // namespace

std::string to_text(const Preparation& preparation) {
  return to_string(preparation.filter) + (preparation.inverted ? " " + inverted_word : "");
}

Preparation parse_preparation(const std::string& text, const std::string& owner) {
  std::istringstream words(text);
  std::string filter, inverted, more;
  words >> filter >> inverted >> more;
  const auto filters = filter_names();
  if (std::find(filters.begin(), filters.end(), filter) == filters.end())
    fail(owner, "'", text, "' does not begin with a filter", did_you_mean(filter, filters), known_texts());
  if ((!inverted.empty() && inverted != inverted_word) || !more.empty())
    fail(owner, "'", text, "' says more than a filter and ", inverted_word, did_you_mean(inverted, {inverted_word}),
         known_texts());
  return {filter_named(filter), !inverted.empty()};
}

Image prepared(const Image& picture, const Preparation& preparation, const Shape& shape) {
  require(shape.is_image() && (shape.channels() == 1 || shape.channels() == 3), "preparation", "makes no input of ",
          to_string(shape), " (a picture is height x width x 1, or x 3)");
  const Image coloured = shape.channels() == 1 ? to_grey(picture) : to_colour(picture);
  Image result = resize(coloured, shape.extents[0], shape.extents[1], preparation.filter);
  if (preparation.inverted)
    for (auto& value : result.pixels) value = static_cast<std::uint8_t>(255 - value);
  return result;
}

}  // namespace maml
