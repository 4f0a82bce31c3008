#include "maml/train/run_folder.h"

#include <algorithm>
#include <filesystem>

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/io/folder_lock.h"
#include "maml/io/tensorboard_events.h"
#include "maml/train/checkpoint.h"

namespace maml {

namespace fs = std::filesystem;

namespace {

bool exists(const std::string& path) {
  std::error_code unreadable;
  return fs::exists(path, unreadable);
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

bool is_run_folder(const std::string& path) {
  return exists(path + "/config.toml") || exists(path + "/checkpoint.safetensors");
}

RunFolder RunFolder::create(const std::string& path, const Options& options, bool overwrite) {
  require(!path.empty(), "run folder", "has no name");
  RunFolder folder(without_slash(path));
  require(overwrite || !is_run_folder(folder.path_), folder.path_,
          "holds a run already (resume it, overwrite it, or choose another folder)");
  std::error_code error;
  fs::create_directories(folder.path_, error);
  if (error) fail(folder.path_, "cannot be made: ", errno_text(error.value()));
  const FolderLock lock(folder.path_);
  // The checkpoint goes first: without it, what is left of an old run is never taken for a new one's.
  std::vector<std::string> files = {folder.checkpoint(), folder.best(),   folder.parameters(), folder.evaluation(),
                                    folder.metrics(),    folder.timing(), folder.record(),     folder.plots()};
  for (const auto& file : event_files(folder.path_)) files.push_back(file);
  for (const auto& file : files) {
    fs::remove_all(file, error);
    if (error) fail(file, "cannot be removed: ", errno_text(error.value()));
  }
  write_atomically(folder.config(), to_toml(options), "config");
  return folder;
}

bool RunFolder::is_packed() const {
  return !exists(checkpoint()) && exists(parameters());
}

RunFolder RunFolder::open(const std::string& path) {
  RunFolder folder(without_slash(path));
  require(exists(folder.path_), folder.path_, "does not exist (name the folder of a run)");
  require(exists(folder.config()), folder.path_, "is no run: it has no config.toml (name the folder of a run)");
  return folder;
}

Options RunFolder::options() const {
  return load_options(config());
}

std::string RunFolder::weights(Which which) const {
  std::vector<std::string> files = {checkpoint(), parameters()};
  if (which == Which::best) files.insert(files.begin(), best());
  const auto file = std::find_if(files.begin(), files.end(), exists);
  require(file != files.end(), path_, "has no checkpoint yet (train it first)");
  return *file;
}

LoadedRun load_run(const std::string& path, Which which) {
  RunFolder folder = RunFolder::open(path);
  Options options = resolved(folder.options());
  auto model = std::make_unique<Model>(options.model);
  Checkpoint checkpoint = read_checkpoint(folder.weights(which), *model, options, false);
  return {{std::move(options), std::move(model), std::move(checkpoint.weights), checkpoint.iteration,
           std::move(checkpoint.isa)},
          std::move(folder)};
}

LoadedModel load_model(const Options& given, const std::string& weights) {
  LoadedModel loaded{resolved(given), nullptr, {}};
  loaded.model = std::make_unique<Model>(loaded.options.model);
  loaded.weights = read_weights(weights, *loaded.model, loaded.options);
  return loaded;
}

}  // namespace maml
