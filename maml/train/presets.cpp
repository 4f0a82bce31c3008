#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/train/options.h"

namespace maml {

namespace fs = std::filesystem;

namespace {

std::map<std::string, std::string> preset_files(const std::vector<std::string>& folders) {
  std::map<std::string, std::string> files;
  for (const auto& folder : folders) {
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(folder, unreadable))
      if (entry.path().extension() == ".toml") files.emplace(entry.path().stem().string(), entry.path().string());
  }
  return files;
}

}  // namespace

std::vector<std::string> preset_folders() {
  if (const char* folder = std::getenv("MAML_PRESETS"); folder && *folder) return {folder};
  std::vector<std::string> folders;
  std::error_code unknown;
  const auto program = fs::read_symlink("/proc/self/exe", unknown);
  if (!unknown) folders.push_back((program.parent_path() / "../share/maml/presets").lexically_normal().string());
#ifdef MAML_PRESET_DIR
  folders.emplace_back(MAML_PRESET_DIR);
#endif
  return folders;
}

std::vector<PresetInfo> list_presets(const std::vector<std::string>& folders) {
  std::vector<PresetInfo> presets;
  for (const auto& [name, path] : preset_files(folders))
    presets.push_back({name, path, load_options(path).about.title});
  return presets;
}

Options preset(const std::string& name, const std::vector<std::string>& folders) {
  return load_options(preset_file(name, folders));
}

std::string preset_file(const std::string& name, const std::vector<std::string>& folders) {
  const auto files = preset_files(folders);
  const auto found = files.find(name);
  if (found != files.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& file : files) names.push_back(file.first);
  require(!names.empty(), name, "no presets were found in ", join(folders), " (set MAML_PRESETS to their folder)");
  fail(name, "unknown preset", did_you_mean(name, names), " (known: ", join(names), ")");
}

}  // namespace maml
