#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "maml/train/options.h"

namespace maml::cli {

/// The options that a person means: a TOML file, the folder of a run, or else the name of a preset.
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

/// Throws Error where a file that is to be written is a folder, or is there already and may not be overwritten. flag:
/// what names it.
void require_free(const std::string& path, const char* flag, bool overwrite);

/// `0..4`, `3` or `0,2,5`.
std::vector<std::uint64_t> parse_seeds(const std::string& text);

}  // namespace maml::cli
