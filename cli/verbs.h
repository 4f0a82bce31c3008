#pragma once

#include <functional>

#include <CLI/CLI.hpp>

namespace maml::cli {

/// What the command line asks for: set while it is parsed by the verb that it names, called afterwards. Returns the
/// exit status.
using Chosen = std::function<int()>;

// Each adds its verb, with its options and its help, to the program.

void add_train(CLI::App& program, Chosen&);
void add_eval(CLI::App& program, Chosen&);
void add_adapt(CLI::App& program, Chosen&);
void add_predict(CLI::App& program, Chosen&);
void add_export(CLI::App& program, Chosen&);
void add_plot(CLI::App& program, Chosen&);
void add_data(CLI::App& program, Chosen&);
void add_presets(CLI::App& program, Chosen&);
void add_info(CLI::App& program, Chosen&);
void add_check(CLI::App& program, Chosen&);
void add_bench(CLI::App& program, Chosen&);
void add_meta_gradient(CLI::App& program, Chosen&);
void add_reproduce(CLI::App& program, Chosen&);
void add_completion(CLI::App& program, Chosen&);
void add_man(CLI::App& program, Chosen&);
void add_version(CLI::App& program, Chosen&);

}  // namespace maml::cli
