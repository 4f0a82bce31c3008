#include <algorithm>
#include <sstream>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/images/collection.h"
#include "maml/images/import.h"
#include "maml/images/split_rule.h"

namespace maml {

namespace {

using Parts = std::vector<std::string>;
const char* const usual_split = "64%/16%/20%";

/// `a/b` of {x, a, b} from 1.
std::string joined(const Parts& parts, std::size_t from) {
  return join({parts.begin() + static_cast<std::ptrdiff_t>(from), parts.end()}, "/");
}

/// How many folders all paths begin with that say nothing: those of a split do, and so does each picture's own.
std::size_t common_folders(const std::vector<Parts>& folders) {
  for (std::size_t depth = 0;; ++depth)
    for (const auto& parts : folders)
      if (parts.size() < depth + 2 || parts[depth] != folders.front()[depth] || split_named(parts[depth])) return depth;
}

std::vector<Parts> folders_of(const Collection& collection) {
  std::vector<Parts> folders;
  for (const auto& image : collection.images) {
    auto parts = parts_of(image.path);
    parts.pop_back();
    require(!parts.empty(), collection.source_path(image), image.path,
            " lies in no folder, so it has no class (put the pictures of each class into a folder)");
    folders.push_back(std::move(parts));
  }
  const std::size_t common = common_folders(folders);
  for (auto& parts : folders) parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(common));
  return folders;
}

bool are_splits(const std::vector<Parts>& folders) {
  return std::all_of(folders.begin(), folders.end(),
                     [](const Parts& parts) { return parts.size() >= 2 && split_named(parts.front()).has_value(); });
}

}  // namespace

ImportSummary import_images(const ImportOptions& options, const ImportCallbacks& callbacks) {
  require(!options.inputs.empty(), "images", "needs a folder, a zip or a tar");
  require((options.height == 0) == (options.width == 0), "--size", "wants both extents (HxW)");
  Collection collection(options);
  const auto folders = folders_of(collection);
  const std::string source = collection.sources_text();
  const std::string split = !options.split.empty() ? options.split : are_splits(folders) ? "folders" : usual_split;
  const auto rule = parse_split_rule(split);
  const bool by_folder = rule.kind == SplitRule::Kind::folders;
  require(!by_folder || are_splits(folders), source,
          "does not have train, val and test at its top, above the classes (choose another --split)");
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const auto& parts = folders[i];
    const std::string name = joined(parts, by_folder ? 1 : 0);
    auto& found = collection.classes[name];
    if (by_folder) {
      const Split here = *split_named(parts.front());
      require(found.images.empty() || found.split == here, source, "class ", name, " is in ", to_string(found.split),
              " and in ", to_string(here), ", but splits hold different classes (put its pictures together)");
      found.split = here;
    }
    const auto slash = name.rfind('/');
    found.group = slash == name.npos ? "" : name.substr(0, slash);
    found.images.push_back(collection.images[i]);
  }
  require(collection.classes.size() >= 2, source, "has one class only, ", collection.classes.begin()->first,
          " (put the pictures of each class into a folder of its own)");
  if (!by_folder) {
    const auto splits = deal(rule, collection.class_names(), options.split_seed, source);
    std::size_t i = 0;
    for (auto& entry : collection.classes) entry.second.split = splits[i++];
  }

  Recipe recipe;
  recipe.height = options.height;
  recipe.width = options.width;
  recipe.resizes = options.height > 0;
  recipe.preparation.filter = options.filter.value_or(Filter::lanczos);
  recipe.colours = options.colours;
  std::ostringstream about;
  about << "Pictures from " << source << "; ";
  if (recipe.resizes)
    about << recipe.height << " x " << recipe.width << ", " << to_string(recipe.preparation.filter);
  else
    about << "size as they are";
  about << "; split " << (rule.kind == SplitRule::Kind::list ? "by list" : split);
  if (rule.kind == SplitRule::Kind::shares || rule.kind == SplitRule::Kind::counts)
    about << ", seed " << options.split_seed;
  recipe.about = about.str();
  return collection.pack(recipe, callbacks);
}

}  // namespace maml
