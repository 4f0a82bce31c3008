#include "maml/images/class_folders.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "maml/base/error.h"
#include "maml/images/decode.h"
#include "maml/images/source.h"
#include "maml/io/atomic_file.h"

namespace maml {

namespace fs = std::filesystem;

namespace {

/// Paths from the folder on.
std::vector<std::string> pictures_in(const std::string& folder) {
  auto paths = Source::open(folder)->list();
  std::erase_if(paths, [](const std::string& path) { return !is_picture(path); });
  return paths;
}

std::string below(const std::string& folder, const std::string& path) {
  return (fs::path(folder) / path).generic_string();
}

/// The folders right in this one, hidden ones left out, each without its pictures yet.
std::map<std::string, std::vector<std::string>> folders_in(const std::string& folder) {
  std::map<std::string, std::vector<std::string>> folders;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = plain_path(entry->path().filename().string(), folder);
    std::error_code unreadable;
    if (!name.empty() && entry->is_directory(unreadable)) folders[name];
  }
  if (error) fail(folder, "cannot be read: ", errno_text(error.value()));
  return folders;
}

}  // namespace

ClassFolders find_classes(const std::string& folder) {
  std::error_code unreadable;
  require(fs::is_directory(folder, unreadable), folder, "is no folder (put the pictures of each class into a folder ",
          "within it)");
  auto folders = folders_in(folder);
  for (auto& path : pictures_in(folder)) {
    const auto slash = path.find('/');
    require(slash != path.npos, folder, "holds ", path,
            " beside its classes (put the pictures of each class into a folder of their own)");
    folders[path.substr(0, slash)].push_back(std::move(path));
  }
  if (folders.size() < 2)
    fail(folder, folders.empty() ? "holds no folders" : "holds one class only, " + folders.begin()->first,
         " (put the pictures of each class into a folder of their own, two classes at least)");
  ClassFolders result;
  for (const auto& [name, paths] : folders) {
    require(!paths.empty(), folder, "has no PNG and no JPEG in its class ", name, " (add some, or remove the folder)");
    for (const auto& path : paths) result.pictures.push_back({below(folder, path), result.classes.size()});
    result.classes.push_back(name);
  }
  return result;
}

std::vector<std::string> find_pictures(const std::string& path) {
  std::error_code unreadable;
  if (!fs::is_directory(path, unreadable)) {
    require(fs::exists(path, unreadable), path, "does not exist (name a picture, or a folder of them)");
    return {path};
  }
  auto paths = pictures_in(path);
  require(!paths.empty(), path, "holds no PNG and no JPEG (name a picture, or a folder with some)");
  for (auto& found : paths) found = below(path, found);
  return paths;
}

Image read_picture(const std::string& path) {
  std::error_code unreadable;
  const auto size = fs::file_size(path, unreadable);
  const SourceLimits limits;
  require(unreadable || size <= limits.file, path, "has ", size, " bytes (at most ", limits.file, ")");
  return decode_image(read_file(path), path);
}

}  // namespace maml
