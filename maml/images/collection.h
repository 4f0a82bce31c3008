#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "maml/images/import.h"
#include "maml/images/preparation.h"
#include "maml/images/source.h"
#include "maml/io/image_pack_index.h"

namespace maml {

/// A picture to import.
struct FoundImage {
  std::string path;
  std::size_t source = 0;
  bool operator<(const FoundImage& other) const { return std::tie(path, source) < std::tie(other.path, other.source); }
};

struct FoundClass {
  std::string group;
  Split split = Split::train;
  std::vector<FoundImage> images;
};

/// How pictures become those of a pack.
struct Recipe {
  std::size_t height = 0, width = 0;  ///< 0: of the first one
  bool resizes = false;               ///< else other extents are an Error
  Colours colours = Colours::as_they_are;
  Preparation preparation;
  std::string about;
};

/// The pictures of some sources, on their way into a pack: an import opens it, gives each a class, each class a split,
/// and calls `pack`.
class Collection {
public:
  explicit Collection(const ImportOptions& options);

  std::vector<FoundImage> images;             ///< sorted
  std::map<std::string, FoundClass> classes;  ///< by name
  std::vector<std::string> class_names() const;
  /// The file names of the inputs.
  std::string sources_text() const;
  const std::string& source_path(const FoundImage& image) const { return sources_[image.source]->path(); }

  /// Reads the pictures and writes the pack.
  ImportSummary pack(const Recipe& recipe, const ImportCallbacks& callbacks);

private:
  const ImportOptions options_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::size_t left_out_ = 0;
};

/// The parts of a path: {"a", "b.png"}.
std::vector<std::string> parts_of(const std::string& path);

}  // namespace maml
