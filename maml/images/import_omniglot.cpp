#include <sstream>

#include "maml/base/error.h"
#include "maml/images/collection.h"
#include "maml/images/import.h"
#include "maml/images/split_rule.h"

namespace maml {

namespace {

constexpr std::size_t side = 28;
const char* const usual_split = "1100/100/423";
const char* const by_archive = "background/evaluation";

std::string folder_of(const FoundImage& image) {
  return image.path.substr(0, image.path.rfind('/'));
}

/// From the folder above the alphabet, or else the name of the archive.
Split split_by_archive(const FoundImage& image, const std::string& source) {
  for (const auto& name : {image.path, source}) {
    if (name.find("background") != name.npos) return Split::train;
    if (name.find("evaluation") != name.npos) return Split::test;
  }
  fail(source, "neither it nor the folder of ", image.path,
       " is named background or evaluation (choose another --split)");
}

}  // namespace

ImportSummary import_omniglot(const ImportOptions& options, const ImportCallbacks& callbacks) {
  require(!options.inputs.empty(), "omniglot", "needs its archives (images_background.zip images_evaluation.zip)");
  Collection collection(options);
  const std::string split = options.split.empty() ? usual_split : options.split;
  for (const auto& image : collection.images) {
    const auto parts = parts_of(image.path);
    require(parts.size() >= 3, collection.source_path(image), "does not lie as Omniglot does: ", image.path,
            " (wanted: ALPHABET/CHARACTER/DRAWING.png)");
    const std::string& alphabet = parts[parts.size() - 3];
    auto& found = collection.classes[alphabet + "/" + parts[parts.size() - 2]];
    if (!found.images.empty()) {
      const FoundImage& first = found.images.front();
      require(first.source == image.source && folder_of(first) == folder_of(image), collection.source_path(image),
              "more than one folder holds the character ", alphabet, "/", parts[parts.size() - 2], ": ", first.path,
              " and ", image.path, " (rename one)");
    }
    found.group = alphabet;
    found.images.push_back(image);
    if (split == by_archive) found.split = split_by_archive(image, collection.source_path(image));
  }
  if (split != by_archive) {
    const auto rule = parse_split_rule(split);
    require(rule.kind != SplitRule::Kind::folders, "--split", "folders is for images (here: ", by_archive, ")");
    const auto splits = deal(rule, collection.class_names(), options.split_seed, collection.sources_text());
    std::size_t i = 0;
    for (auto& entry : collection.classes) entry.second.split = splits[i++];
  }

  Recipe recipe;
  recipe.height = options.height ? options.height : side;
  recipe.width = options.width ? options.width : side;
  recipe.resizes = true;
  recipe.colours = Colours::grey;
  recipe.preparation = {.filter = options.filter.value_or(Filter::nearest), .inverted = true};
  std::ostringstream about;
  about << "Omniglot (Lake, Salakhutdinov and Tenenbaum 2015, MIT licence) from " << collection.sources_text() << "; "
        << recipe.height << " x " << recipe.width << ", " << to_string(recipe.preparation.filter) << ", ink 255; split "
        << split;
  if (split != by_archive) about << ", seed " << options.split_seed;
  recipe.about = about.str();
  return collection.pack(recipe, callbacks);
}

}  // namespace maml
