#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "maml/io/task_pack.h"

namespace maml {

enum class OnMissing { fail, skip };

struct TaskImportOptions {
  /// CSV files of the same columns, or one .npz.
  std::vector<std::string> files;
  /// The pack to write; it may exist only with `overwrite`.
  std::string out;
  bool overwrite = false;
  /// CSV: the columns. npz: `task` is an array's name, the others are what the columns of x and y are to be called;
  /// none: x0, x1, .., y0, ..
  std::string task;
  std::vector<std::string> inputs, targets;
  /// CSV: between cells.
  char separator = ',';
  /// npz: names of the arrays of inputs and targets.
  std::string x = "x", y = "y";
  /// What to do about a row without a value where one is wanted; a skipped row is counted.
  OnMissing on_missing = OnMissing::fail;
  /// Tasks of fewer rows are left out and counted.
  std::size_t min_rows = 0;
  /// As parse_split_rule has it, of tasks; not `folders`.
  std::string split = "64%/16%/20%";
  std::uint64_t split_seed = 0;
};

struct TaskImportSummary {
  TaskPack pack;
  std::size_t rows_skipped = 0, tasks_left_out = 0;
};

// Each writes one pack. Tasks go by their names in order, a task's rows in the order of the files.

/// A row of the table is a row of the task that its column `task` names.
TaskImportSummary import_csv(const TaskImportOptions&);

/// Either x (rows x inputs) and y (rows, or rows x targets) with `task` (rows) of numbers or texts; or x (tasks x rows
/// x inputs) and y (tasks x rows, or tasks x rows x targets), with `task` (tasks) or, where its name is empty, tasks
/// that are called 0, 1, ..; of rows whose numbers are not finite `on_missing` says what to do.
TaskImportSummary import_npz(const TaskImportOptions&);

}  // namespace maml
