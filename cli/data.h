#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "cli/verbs.h"
#include "maml/io/image_pack_index.h"
#include "maml/io/task_pack.h"

namespace maml::cli {

// The verbs of `maml data`; each adds itself to it.

void add_data_import(CLI::App& data, Chosen&);
void add_data_fetch(CLI::App& data, Chosen&);
void add_data_info(CLI::App& data, Chosen&);
void add_data_show(CLI::App& data, Chosen&);

/// The kinds csv and npz of `maml data import`.
void add_data_import_tasks(CLI::App& import, Chosen&);

// A table of what a pack holds.
void print_pack(const std::string& path, const PackIndex& index);
void print_pack(const std::string& path, const TaskPack& pack);
/// So many of its tasks, of one split or of all, with the ranges of their columns.
void print_tasks(const TaskPack& pack, std::optional<Split> split, std::size_t most);
/// What `--separator` says: one character, `tab` or `\t`.
char parse_separator(const std::string& text);

}  // namespace maml::cli
