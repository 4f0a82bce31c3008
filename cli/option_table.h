#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace maml::cli {

// The table of verbs and options that the program parses with, as its completions and its man page read it.

/// The verbs below the program or a verb, in the order of its help.
std::vector<const CLI::App*> verbs_below(const CLI::App&);
/// What it takes by name (--NAME), and what by place, each in the order of its help.
std::vector<const CLI::Option*> options_of(const CLI::App&);
std::vector<const CLI::Option*> places_of(const CLI::App&);

/// `--colour` and `--color`, with their dashes; none for what is taken by place.
std::vector<std::string> names_of(const CLI::Option&);
/// Whether a value follows its name.
bool takes_value(const CLI::Option&);
/// Whether more values may follow the first.
bool takes_more(const CLI::Option&);
/// Whether it may be given again.
bool may_repeat(const CLI::Option&);

/// What a value may be.
struct Values {
  std::vector<std::string> words;    ///< written so; one that ends in `=` goes on
  bool presets = false;              ///< names of presets
  bool algorithms = false;           ///< names of algorithms
  bool assignments = false;          ///< KEY=VALUE, a key of the config
  bool folders = false;              ///< paths of folders
  std::vector<std::string> endings;  ///< paths of files that end so; "": of any
};
/// The type name says it, as alternatives between `|` or spaces: what begins with a small letter stands for itself, up
/// to its `=` if it has one; PRESET, ALGORITHM and KEY=VALUE are above; DIR and RUN are folders; FILE and PATH are any
/// files; NAME.ending are files of that ending, as ZIP and TAR are of theirs. Whatever else (N, HxW) nobody can list.
Values values_of(const CLI::Option&);

}  // namespace maml::cli
