#include "maml/base/error.h"
#include "maml/images/collection.h"
#include "maml/images/import.h"

namespace maml {

namespace {

constexpr std::size_t side = 84;

}  // namespace

ImportSummary import_mini_imagenet(const ImportOptions& options, const ImportCallbacks& callbacks) {
  require(options.inputs.size() == all_splits.size(), "mini-imagenet",
          "needs three inputs, in this order: train.zip "
          "val.zip test.zip, but got ",
          options.inputs.size());
  Collection collection(options);
  for (const auto& image : collection.images) {
    const Split split = all_splits[image.source];
    const auto parts = parts_of(image.path);
    require(parts.size() >= 2, collection.source_path(image), "does not lie as mini-ImageNet does: ", image.path,
            " (wanted: CLASS/PICTURE.jpg)");
    const auto named = split_named(parts.front());
    require(!named || *named == split, collection.source_path(image), "is to be the pictures for ", to_string(split),
            ", but holds ", image.path, " (the order is train.zip val.zip test.zip)");
    const std::string& name = parts[parts.size() - 2];
    auto& found = collection.classes[name];
    require(found.images.empty() || found.split == split, name, "is a class of ", to_string(found.split), " and of ",
            to_string(split), " (leave it in one of the inputs)");
    found.split = split;
    found.images.push_back(image);
  }

  Recipe recipe;
  recipe.height = recipe.width = side;
  recipe.colours = Colours::colour;
  recipe.about = "mini-ImageNet, split of Ravi and Larochelle 2017, from " + collection.sources_text() +
                 "; 84 x 84, pixels as they are. " + imagenet_terms;
  return collection.pack(recipe, callbacks);
}

}  // namespace maml
