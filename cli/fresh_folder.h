#pragma once

#include <string>
#include <vector>

namespace maml::cli {

/// Folders that are about to be made. Unless kept, those that were not there before go away again, if nothing is in
/// them; before that, what was written into runs that did not get as far as a checkpoint.
class FreshFolders {
public:
  FreshFolders() = default;
  ~FreshFolders();
  FreshFolders(const FreshFolders&) = delete;
  FreshFolders& operator=(const FreshFolders&) = delete;

  // To be called before the folder is made.
  void add(const std::string& path);
  void add_run(const std::string& path);
  void keep() { are_kept_ = true; }

private:
  std::vector<std::string> runs_;
  std::vector<std::string> missing_;  ///< folders that were not there, the innermost last
  bool are_kept_ = false;
};

/// `path`, or the first of path-2, path-3, .. that does not exist; with `overwrite`, the path itself.
std::string free_run_folder(const std::string& path, bool overwrite);

}  // namespace maml::cli
