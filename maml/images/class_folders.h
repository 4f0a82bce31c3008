#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "maml/images/image.h"

namespace maml {

/// A folder with a folder of pictures for each class.
struct ClassFolders {
  struct LabelledFile {
    std::string path;
    std::size_t label = 0;  ///< the number of its class
  };
  std::vector<std::string> classes;    ///< the folders' names, sorted
  std::vector<LabelledFile> pictures;  ///< by class, then by path; at any depth within the class's folder
};
/// Hidden folders and files that are neither PNG nor JPEG by their names are passed over. Throws Error at the folder
/// where there are fewer than two classes, one without pictures, or pictures beside the folders.
ClassFolders find_classes(const std::string& folder);

/// The pictures of a folder, at any depth, sorted; or the one file that the path names. Throws Error where there are
/// none.
std::vector<std::string> find_pictures(const std::string& path);

/// The picture in a file; throws Error at its path where it cannot be read (see decode_image).
Image read_picture(const std::string& path);

}  // namespace maml
