#pragma once

#include <cstdint>
#include <string>

#include "maml/train/experiment.h"

namespace maml {

enum class Which { best, latest };

/// Where a run keeps everything: config.toml, metrics.csv, timing.csv, record.txt, checkpoint.safetensors,
/// best.safetensors, eval.json, plots/, and events.out.tfevents.* with train.tensorboard. A finished one that was
/// packed for keeping (zoo/) has parameters.safetensors in the place of the two checkpoints.
class RunFolder {
public:
  /// Makes the folder for a new run of these (resolved) options and writes config.toml. Throws Error where it cannot be
  /// written, or where it holds a run already and `overwrite` is false.
  static RunFolder create(const std::string& path, const Options& resolved_options, bool overwrite = false);
  /// A folder that holds a run.
  static RunFolder open(const std::string& path);

  const std::string& path() const { return path_; }
  std::string config() const { return path_ + "/config.toml"; }
  std::string metrics() const { return path_ + "/metrics.csv"; }
  std::string timing() const { return path_ + "/timing.csv"; }
  std::string record() const { return path_ + "/record.txt"; }
  std::string checkpoint() const { return path_ + "/checkpoint.safetensors"; }
  std::string best() const { return path_ + "/best.safetensors"; }
  std::string parameters() const { return path_ + "/parameters.safetensors"; }
  std::string evaluation() const { return path_ + "/eval.json"; }
  std::string plots() const { return path_ + "/plots"; }

  Options options() const;
  /// The file that has them. `best` falls back to the latest checkpoint where the run had no validation; an Error where
  /// there is none yet.
  std::string weights(Which) const;
  /// Whether it was packed for keeping: nothing more is written there.
  bool is_packed() const;

private:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// Whether the path is a folder that holds a run.
bool is_run_folder(const std::string& path);

/// A run's model and where it is kept.
struct LoadedRun : LoadedModel {
  RunFolder folder;
};

/// Reads a run: `folder.weights(which)`.
LoadedRun load_run(const std::string& path, Which = Which::best);

/// A config's model with the weights of a file (see read_weights).
LoadedModel load_model(const Options&, const std::string& weights);

}  // namespace maml
