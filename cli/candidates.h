#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace maml::cli {

/// What the last of these words, which follow the name of the program, may become: a line for each candidate, which is
/// that whole word, a tab, and what it is. A candidate that ends in `=` goes on. Where a path may stand, a line says so
/// for the shell to find them: `:folders`, or `:files`, a tab, and an ending they have (folders lead to them). A path
/// takes the place of what follows the word's last `=`.
///
/// The scripts of `maml completion` ask for them by `maml __complete WORD..`.
std::string candidates(const CLI::App& program, const std::vector<std::string>& words);

}  // namespace maml::cli
