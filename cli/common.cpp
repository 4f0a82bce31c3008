#include "cli/common.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/export/embed_format.h"
#include "maml/io/atomic_file.h"
#include "maml/train/run_folder.h"

namespace maml::cli {

namespace fs = std::filesystem;

namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool is_path(const std::string& name) {
  return ends_with(name, ".toml") || name.find('/') != std::string::npos;
}

bool is_preset(const std::string& name) {
  const auto presets = list_presets();
  return std::any_of(presets.begin(), presets.end(), [&](const PresetInfo& preset) { return preset.name == name; });
}

/// Those of a TOML file.
Options options_in(const std::string& path) {
  const std::string text = read_text_file(path);
  require(!text.starts_with(std::string_view(embed::magic, sizeof embed::magic)), path,
          "is a model for maml_adapt, written by maml export --format embed (name the run that it was made of)");
  return parse_options(text, path);
}

std::uint64_t parse_number(const std::string& text, const std::string& whole) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(error == std::errc() && end == text.data() + text.size() && !text.empty(), "--seeds", "cannot be '", whole,
          "' (write 0..4, or 0,3,7)");
  return value;
}

}  // namespace

Options named_options(const std::string& name) {
  std::error_code unreadable;
  const bool is_folder = fs::is_directory(name, unreadable);
  const bool names_file = fs::path(name).has_extension() || fs::is_regular_file(name, unreadable);
  if (is_folder && (is_run_folder(name) || is_path(name))) return RunFolder::open(runs_in(name).front()).options();
  if (is_path(name) || (names_file && !is_preset(name))) return options_in(name);
  return preset(name);
}

std::string short_name(const std::string& name) {
  std::error_code unreadable;
  fs::path path(name);
  if (!path.has_filename()) path = path.parent_path();
  if (path.filename() == "." || path.filename() == "..") path = fs::weakly_canonical(path, unreadable);
  return ends_with(name, ".toml") ? path.stem().string() : path.filename().string();
}

std::vector<std::string> runs_in(const std::string& folder) {
  if (is_run_folder(folder)) return {folder};
  std::vector<std::pair<std::uint64_t, std::string>> runs;
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(folder, unreadable)) {
    const std::string name = entry.path().filename().string();
    std::uint64_t seed = 0;
    if (name.compare(0, 5, "seed-") != 0 || !is_run_folder(entry.path().string())) continue;
    const auto [end, error] = std::from_chars(name.data() + 5, name.data() + name.size(), seed);
    if (error == std::errc() && end == name.data() + name.size()) runs.emplace_back(seed, entry.path().string());
  }
  if (runs.empty()) (void)RunFolder::open(folder);  // says what is wrong with it
  std::sort(runs.begin(), runs.end());
  std::vector<std::string> paths;
  paths.reserve(runs.size());
  for (auto& run : runs) paths.push_back(std::move(run.second));
  return paths;
}

std::string run_in(const std::string& folder) {
  const auto runs = runs_in(folder);
  require(runs.size() == 1, folder, "holds ", runs.size(), " runs (name one of them: ", join(runs), ")");
  return runs.front();
}

bool names_adapted(const std::string& path) {
  return fs::path(path).extension() == ".safetensors";
}

bool is_adapted_file(const std::string& path) {
  std::error_code unreadable;
  return names_adapted(path) && fs::is_regular_file(path, unreadable);
}

std::string model_in(const std::string& name) {
  if (is_adapted_file(name)) return name;
  std::error_code unreadable;
  require(!fs::is_regular_file(name, unreadable), name,
          "is no adapted model (name the folder of a run, or a .safetensors that maml adapt --out wrote)");
  return run_in(name);
}

void require_free(const std::string& path, const char* flag, bool overwrite) {
  std::error_code unreadable;
  require(!fs::is_directory(path, unreadable), path, "is a folder (name a file with ", flag, ")");
  require(overwrite || !fs::exists(path, unreadable), path, "exists already (choose another ", flag,
          ", or add --overwrite)");
}

std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  const auto dots = text.find("..");
  if (dots != std::string::npos) {
    const auto first = parse_number(text.substr(0, dots), text), last = parse_number(text.substr(dots + 2), text);
    require(first <= last && last - first < 1000, "--seeds", "cannot be '", text, "' (write 0..4, at most 1000 seeds)");
    for (auto seed = first; seed <= last; ++seed) seeds.push_back(seed);
    return seeds;
  }
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    seeds.push_back(parse_number(text.substr(begin, end - begin), text));
    begin = end + 1;
  }
  auto sorted = seeds;
  std::sort(sorted.begin(), sorted.end());
  require(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end(), "--seeds", "names a seed twice in '", text,
          "'");
  return seeds;
}

}  // namespace maml::cli
