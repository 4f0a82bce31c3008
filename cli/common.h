#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "maml/train/options.h"

namespace maml::cli {

/// The options that a person means: the folder of a run, a TOML file, or else the name of a preset. A name with a slash
/// or an extension is a file's, be it there or not.
Options named_options(const std::string& name);
/// A short name for them: the preset's, or the file's or folder's own, whatever path leads to it.
std::string short_name(const std::string& name);

/// The run in a folder, or the runs in its folders seed-0, seed-1, .. by their numbers. Throws Error where it holds
/// none.
std::vector<std::string> runs_in(const std::string& folder);
/// The one run that a folder is or holds. Throws Error where it holds several, and names them.
std::string run_in(const std::string& folder);

/// Whether a path is such as `maml adapt --out` gives: it ends in .safetensors, by which readers tell it from a run.
bool names_adapted(const std::string& path);
/// Whether there is a file of such a path.
bool is_adapted_file(const std::string& path);
/// What a trained model is read from: the file of an adapted one as it is, else run_in. Throws Error for other files.
std::string model_in(const std::string& name);

/// Throws Error where a file that is to be written is a folder, or is there already and may not be overwritten. flag:
/// what names it.
void require_free(const std::string& path, const char* flag, bool overwrite);

/// `0..4`, `3` or `0,2,5`.
std::vector<std::uint64_t> parse_seeds(const std::string& text);

}  // namespace maml::cli
