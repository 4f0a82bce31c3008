#include "maml/images/import_tasks.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "cli/data.h"
#include "cli/text.h"
#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/io/table.h"

namespace maml::cli {

namespace {

using Import = TaskImportSummary (*)(const TaskImportOptions&);

struct Arguments {
  TaskImportOptions options;
  std::string inputs, targets, separator = ",", on_missing = "fail";
  bool quiet = false;
};

int run(const Arguments& a, Import import) {
  TaskImportOptions options = a.options;
  if (!a.inputs.empty()) options.inputs = parse_names(a.inputs, "--inputs");
  if (!a.targets.empty()) options.targets = parse_names(a.targets, "--targets");
  options.separator = parse_separator(a.separator);
  require(a.on_missing == "fail" || a.on_missing == "skip", "--on-missing", "cannot be '", a.on_missing,
          "' (write fail or skip)");
  options.on_missing = a.on_missing == "skip" ? OnMissing::skip : OnMissing::fail;
  if (options.out.empty() && !options.files.empty())
    options.out = std::filesystem::path(options.files.front()).stem().string() + ".safetensors";
  const TaskImportSummary summary = import(options);
  if (a.quiet) return 0;
  print_pack(options.out, summary.pack);
  if (summary.rows_skipped > 0)
    std::cout << with_commas(summary.rows_skipped) << (summary.rows_skipped == 1 ? " row" : " rows")
              << " without a value: skipped\n";
  if (summary.tasks_left_out > 0)
    std::cout << with_commas(summary.tasks_left_out) << (summary.tasks_left_out == 1 ? " task" : " tasks")
              << " of fewer than " << with_commas(options.min_rows) << " rows: left out\n";
  return 0;
}

/// What both kinds take.
CLI::App* add_kind(CLI::App& import, Chosen& chosen, const char* name, const char* help,
                   const std::shared_ptr<Arguments>& a, Import function) {
  auto* verb = import.add_subcommand(name, help);
  verb->add_option("files", a->options.files, "What to import")->type_name("FILE..");
  verb->add_option("--out", a->options.out, "The pack to write [NAME.safetensors]")->type_name("FILE");
  verb->add_flag("--overwrite", a->options.overwrite, "Replaces the pack if it exists");
  verb->add_option("--split", a->options.split,
                   "64%/16%/20% or 10/3/4: tasks for train/validation/test; FILE: by lines task,split")
      ->type_name("HOW")
      ->capture_default_str();
  verb->add_option("--split-seed", a->options.split_seed, "Of the shuffle before tasks are dealt to the splits")
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--min-rows", a->options.min_rows, "Leaves out tasks of fewer rows")
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--on-missing", a->on_missing, "What to do about a row that lacks a value")
      ->type_name("fail|skip")
      ->capture_default_str();
  verb->add_flag("--quiet", a->quiet, "Prints errors only");
  verb->callback([a, function, &chosen] { chosen = [a, function] { return run(*a, function); }; });
  return verb;
}

/// The smallest and the largest value of a column in a task.
std::string range_text(const std::vector<double>& values, const PackedTask& task, std::size_t column,
                       std::size_t of_a_row) {
  double least = values[task.first * of_a_row + column], most = least;
  for (std::size_t row = task.first; row < task.first + task.count; ++row) {
    least = std::min(least, values[row * of_a_row + column]);
    most = std::max(most, values[row * of_a_row + column]);
  }
  return short_number(least) + " to " + short_number(most);
}

}  // namespace

char parse_separator(const std::string& text) {
  if (text == "\\t" || text == "tab") return '\t';
  require(text.size() == 1 && text != "\"" && text != "\n" && text != "\r", "--separator", "cannot be '", text,
          "' (write one character, or tab)");
  return text[0];
}

void print_pack(const std::string& path, const TaskPack& pack) {
  std::cout << path << ": " << with_commas(pack.rows()) << " rows of " << with_commas(pack.tasks.size()) << " tasks\n"
            << pack.about << "\n";
  if (!pack.task.empty()) std::cout << "Tasks: " << pack.task << "\n";
  std::cout << "Inputs: " << join(pack.inputs) << "\nTargets: " << join(pack.targets) << "\n\n";
  Table table({"split", "tasks", "rows", "in a task"});
  for (const Split split : all_splits) {
    std::size_t tasks = 0, rows = 0, least = 0, most = 0;
    for (const auto& task : pack.tasks) {
      if (task.split != split) continue;
      least = tasks == 0 ? task.count : std::min(least, task.count);
      most = std::max(most, task.count);
      rows += task.count;
      ++tasks;
    }
    table.add({to_string(split), with_commas(tasks), with_commas(rows),
               least == most ? with_commas(most) : with_commas(least) + " to " + with_commas(most)});
  }
  table.print(std::cout);
}

void print_tasks(const TaskPack& pack, std::optional<Split> split, std::size_t most) {
  std::vector<std::string> header = {"task", "split", "rows"};
  header.insert(header.end(), pack.inputs.begin(), pack.inputs.end());
  header.insert(header.end(), pack.targets.begin(), pack.targets.end());
  Table table(header);
  std::vector<const PackedTask*> tasks;
  for (const auto& task : pack.tasks)
    if (!split || task.split == *split) tasks.push_back(&task);
  require(!tasks.empty(), "data show", "the pack has no tasks in that split");
  const std::size_t shown = std::min(std::max<std::size_t>(most, 1), tasks.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const PackedTask& task = *tasks[i * tasks.size() / shown];  // spread evenly over all
    std::vector<std::string> cells = {task.name, to_string(task.split), with_commas(task.count)};
    for (std::size_t c = 0; c < pack.inputs.size(); ++c)
      cells.push_back(range_text(pack.x, task, c, pack.inputs.size()));
    for (std::size_t c = 0; c < pack.targets.size(); ++c)
      cells.push_back(range_text(pack.y, task, c, pack.targets.size()));
    table.add(std::move(cells));
  }
  table.print(std::cout, "");
  if (shown < tasks.size())
    std::cout << "\n" << with_commas(shown) << " of " << with_commas(tasks.size()) << " tasks (--classes shows more)\n";
}

void add_data_import_tasks(CLI::App& import, Chosen& chosen) {
  const auto csv = std::make_shared<Arguments>();
  auto* verb = add_kind(import, chosen, "csv", "Tables of your own, to predict numbers: a column names the task", csv,
                        import_csv);
  verb->add_option("--task", csv->options.task, "The column that names a row's task: a sensor, a patient, a shop")
      ->type_name("COLUMN");
  verb->add_option("--inputs", csv->inputs, "Columns that the model reads")->type_name("COLUMN,..");
  verb->add_option("--targets", csv->targets, "Columns that it predicts")->type_name("COLUMN,..");
  verb->add_option("--separator", csv->separator, "Between cells: one character, or tab")
      ->type_name("C")
      ->capture_default_str();
  verb->footer("Examples:\n"
               "  maml data import csv load.csv --task sensor --inputs hour,temperature --targets load\n"
               "  maml data import csv may.csv june.csv --task shop --inputs day,price --targets sold --min-rows 20\n\n"
               "A task's rows keep their order. docs/bring-your-data.md says what a table may look like.");
  const auto npz = std::make_shared<Arguments>();
  verb = add_kind(import, chosen, "npz", "The same from arrays of NumPy", npz, import_npz);
  verb->add_option("--x", npz->options.x, "The array of inputs: rows x inputs, or tasks x rows x inputs")
      ->type_name("ARRAY")
      ->capture_default_str();
  verb->add_option("--y", npz->options.y, "The array of targets: as many rows")
      ->type_name("ARRAY")
      ->capture_default_str();
  verb->add_option("--task", npz->options.task, "The array that names each row's task; or each task [0, 1, ..]")
      ->type_name("ARRAY");
  verb->add_option("--inputs", npz->inputs, "What the columns of x are called [x0, x1, ..]")->type_name("NAME,..");
  verb->add_option("--targets", npz->targets, "What the columns of y are called [y0, ..]")->type_name("NAME,..");
  verb->footer("Examples:\n"
               "  maml data import npz load.npz --task sensor --inputs hour,temperature --targets load\n"
               "  maml data import npz windows.npz --x history --y next");
}

}  // namespace maml::cli
