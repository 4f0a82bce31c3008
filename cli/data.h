#pragma once

#include <string>

#include "cli/verbs.h"
#include "maml/io/image_pack_index.h"

namespace maml::cli {

// The verbs of `maml data`; each adds itself to it.

void add_data_import(CLI::App& data, Chosen&);
void add_data_fetch(CLI::App& data, Chosen&);
void add_data_info(CLI::App& data, Chosen&);
void add_data_show(CLI::App& data, Chosen&);

/// A table of what a pack holds.
void print_pack(const std::string& path, const PackIndex& index);

}  // namespace maml::cli
