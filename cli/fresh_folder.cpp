#include "cli/fresh_folder.h"

#include <filesystem>

namespace maml::cli {

namespace fs = std::filesystem;

void FreshFolders::add(const std::string& path) {
  std::error_code ignored;
  std::vector<std::string> missing;
  fs::path at = fs::path(path).lexically_normal();
  if (!at.has_filename()) at = at.parent_path();
  for (; !at.empty() && !fs::exists(at, ignored); at = at.parent_path()) missing.push_back(at.string());
  missing_.insert(missing_.end(), missing.rbegin(), missing.rend());
}

void FreshFolders::add_run(const std::string& path) {
  runs_.push_back(path);
  add(path);
}

FreshFolders::~FreshFolders() {
  if (are_kept_) return;
  std::error_code ignored;
  for (const auto& path : runs_) {
    if (fs::exists(path + "/checkpoint.safetensors", ignored)) continue;
    for (const char* file : {"config.toml", "metrics.csv", "timing.csv", "record.txt"})
      fs::remove(path + "/" + file, ignored);
  }
  for (auto folder = missing_.rbegin(); folder != missing_.rend(); ++folder)
    fs::remove(*folder, ignored);  // does nothing where something is in it
}

std::string free_run_folder(const std::string& path, bool overwrite) {
  std::error_code ignored;
  std::string free = path;
  for (int i = 2; !overwrite && fs::exists(free, ignored); ++i) free = path + "-" + std::to_string(i);
  return free;
}

}  // namespace maml::cli
