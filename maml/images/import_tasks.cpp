#include "maml/images/import_tasks.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <sstream>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/images/read_npz.h"
#include "maml/images/split_rule.h"
#include "maml/io/table.h"
#include "maml/io/tensor.h"
#include "maml/tasks/table.h"

namespace maml {

namespace fs = std::filesystem;

namespace {

struct Rows {
  std::size_t count = 0;
  std::vector<double> x, y;
};
using RowsByTask = std::map<std::string, Rows>;

void check(const TaskImportOptions& options) {
  require(!options.files.empty(), "import", "needs a file (name it)");
  require(!options.out.empty(), "import", "needs a name for the pack (--out)");
  std::error_code unreadable;
  require(options.overwrite || !fs::exists(options.out, unreadable), options.out,
          "exists already (choose another --out, or add --overwrite)");
  require(parse_split_rule(options.split).kind != SplitRule::Kind::folders, "--split",
          "cannot be 'folders', which tables have none of (write 64%/16%/20%, counts, or a file of lines task,split)");
}

std::string sources_text(const std::vector<std::string>& files) {
  std::vector<std::string> names;
  for (const auto& file : files) names.push_back(fs::path(file).filename().string());
  return join(names);
}

/// Deals the tasks to the splits, writes the pack.
TaskImportSummary finish(const TaskImportOptions& options, TaskImportSummary summary, RowsByTask by_task) {
  const std::string source = sources_text(options.files);
  summary.tasks_left_out =
      std::erase_if(by_task, [&](const auto& entry) { return entry.second.count < options.min_rows; });
  require(!by_task.empty(), source, "has no task ",
          summary.tasks_left_out > 0 ? "of so many rows (lower --min-rows)" : "with a row (is it the right file?)");
  std::vector<std::string> names;
  for (const auto& entry : by_task) names.push_back(entry.first);
  const SplitRule rule = parse_split_rule(options.split);
  const auto splits = deal(rule, names, options.split_seed, source, {"task", "tasks"});

  TaskPack& pack = summary.pack;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Rows& rows = by_task[names[i]];
    pack.tasks.push_back({names[i], splits[i], pack.rows(), rows.count});
    pack.x.insert(pack.x.end(), rows.x.begin(), rows.x.end());
    pack.y.insert(pack.y.end(), rows.y.begin(), rows.y.end());
  }
  std::ostringstream about;
  about << "Tasks from " << source << "; split " << (rule.kind == SplitRule::Kind::list ? "by list" : options.split);
  if (rule.kind != SplitRule::Kind::list) about << ", seed " << options.split_seed;
  pack.about = about.str();
  (void)columns_of(pack, source);  // says which columns tell nothing
  write_task_pack(options.out, pack);
  return summary;
}

/// The columns that a table is to have.
std::vector<std::string> numbers_of(const TaskImportOptions& options) {
  std::vector<std::string> names = options.inputs;
  names.insert(names.end(), options.targets.begin(), options.targets.end());
  return names;
}

void read_rows(const std::string& path, const TaskImportOptions& options, RowsByTask& by_task, std::size_t& skipped) {
  const TextTable table = read_table(path, options.separator);
  const std::size_t task = table.column(options.task);
  std::vector<std::size_t> columns;
  for (const auto& name : numbers_of(options)) columns.push_back(table.column(name));
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto is_missing = [&](std::size_t column) { return table.is_missing(row, column); };
    if (options.on_missing == OnMissing::skip &&
        (is_missing(task) || std::any_of(columns.begin(), columns.end(), is_missing))) {
      ++skipped;
      continue;
    }
    const std::string name(table.cell(row, task));
    require(!name.empty(), table.place(row), "column ", options.task, " names no task (fill it in, or add ",
            "--on-missing skip)");
    Rows& rows = by_task[name];
    ++rows.count;
    for (std::size_t i = 0; i < columns.size(); ++i)
      (i < options.inputs.size() ? rows.x : rows.y).push_back(table.number(row, columns[i]));
  }
}

/// How the arrays of an .npz lie.
struct Layout {
  std::size_t groups = 1, rows = 0, inputs = 1, targets = 1;  ///< groups: tasks, where x has three extents
};

Layout layout_of(const NumpyArray& x, const NumpyArray& y) {
  Layout layout;
  const auto& rest_x = x.shape();
  const auto& rest_y = y.shape();
  require(!rest_x.empty() && rest_x.size() <= 3, x.name(), "is ", shape_text(x.shape()),
          ", but must be rows x inputs, or tasks x rows x inputs");
  const std::size_t leading = rest_x.size() == 3 ? 2 : 1;
  require(rest_y.size() >= leading && rest_y.size() <= leading + 1 &&
              std::equal(rest_x.begin(), rest_x.begin() + static_cast<std::ptrdiff_t>(leading), rest_y.begin()),
          y.name(), "is ", shape_text(y.shape()), ", which does not go with ", x.name(), " of ", shape_text(x.shape()),
          " (as many rows; targets last, or left away where there is one)");
  if (leading == 2) layout.groups = rest_x[0];
  layout.rows = rest_x[leading - 1];
  if (rest_x.size() > leading) layout.inputs = rest_x[leading];
  if (rest_y.size() > leading) layout.targets = rest_y[leading];
  require(layout.groups * layout.rows > 0 && layout.inputs > 0 && layout.targets > 0, x.name(), "is ",
          shape_text(x.shape()), ", which is nothing");
  return layout;
}

/// Those given, or letter0, letter1, ..
std::vector<std::string> column_names(std::vector<std::string> given, std::size_t count, const std::string& letter,
                                      const std::string& array) {
  if (given.empty())
    for (std::size_t i = 0; i < count; ++i) given.push_back(letter + std::to_string(i));
  require(given.size() == count, array, "has ", count, " columns, but ", given.size(), " names are given");
  return given;
}

std::vector<std::string> task_names(const TaskImportOptions& options, const std::map<std::string, NumpyArray>& arrays,
                                    std::size_t count) {
  std::vector<std::string> names;
  if (!options.task.empty()) {
    const NumpyArray& array = arrays.at(options.task);
    require(array.size() == count, array.name(), "is ", shape_text(array.shape()), ", but ", count,
            " names of tasks are wanted");
    return array.texts();
  }
  for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

}  // namespace

TaskImportSummary import_csv(const TaskImportOptions& options) {
  require(!options.task.empty(), "import csv", "needs --task, the column that names the task");
  require(!options.inputs.empty() && !options.targets.empty(), "import csv",
          "needs --inputs and --targets, names of columns with commas between them");
  check(options);
  TaskImportSummary summary;
  summary.pack.task = options.task;
  summary.pack.inputs = options.inputs;
  summary.pack.targets = options.targets;
  auto all = numbers_of(options);
  all.push_back(options.task);
  std::sort(all.begin(), all.end());
  const auto twice = std::adjacent_find(all.begin(), all.end());
  if (twice != all.end())
    fail("import csv", "names the column ", *twice, " twice (it is the task, an input or a target, and that once)");
  RowsByTask by_task;
  for (const auto& file : options.files) read_rows(file, options, by_task, summary.rows_skipped);
  return finish(options, std::move(summary), std::move(by_task));
}

TaskImportSummary import_npz(const TaskImportOptions& options) {
  check(options);
  require(options.files.size() == 1, "import npz", "takes one file, but got ", options.files.size());
  std::vector<std::string> wanted = {options.x, options.y};
  if (!options.task.empty()) wanted.push_back(options.task);
  const auto arrays = read_npz(options.files.front(), wanted);
  const NumpyArray& x = arrays.at(options.x);
  const NumpyArray& y = arrays.at(options.y);
  const Layout layout = layout_of(x, y);
  require(layout.groups > 1 || x.shape().size() == 3 || !options.task.empty(), x.name(), "is ", shape_text(x.shape()),
          ", so --task must name the array that says which row is of which task");
  TaskImportSummary summary;
  summary.pack.task = options.task;
  summary.pack.inputs = column_names(options.inputs, layout.inputs, "x", x.name());
  summary.pack.targets = column_names(options.targets, layout.targets, "y", y.name());
  const bool by_row = x.shape().size() < 3;
  const auto names = task_names(options, arrays, by_row ? layout.rows : layout.groups);
  const auto x_values = x.numbers(), y_values = y.numbers();
  RowsByTask by_task;
  for (std::size_t row = 0; row < layout.groups * layout.rows; ++row) {
    const auto x_row = x_values.begin() + static_cast<std::ptrdiff_t>(row * layout.inputs);
    const auto y_row = y_values.begin() + static_cast<std::ptrdiff_t>(row * layout.targets);
    const auto x_end = x_row + static_cast<std::ptrdiff_t>(layout.inputs);
    const auto y_end = y_row + static_cast<std::ptrdiff_t>(layout.targets);
    const std::string& name = names[by_row ? row : row / layout.rows];
    const auto is_number = [](double value) { return std::isfinite(value); };
    const bool is_whole = std::all_of(x_row, x_end, is_number) && std::all_of(y_row, y_end, is_number);
    if (!is_whole && options.on_missing == OnMissing::skip) {
      ++summary.rows_skipped;
      continue;
    }
    require(is_whole, options.files.front(), "has a number that is not finite in row ", row % layout.rows,
            by_row ? "" : " of task " + name, " (mend it, or add --on-missing skip)");
    Rows& rows = by_task[name];
    ++rows.count;
    rows.x.insert(rows.x.end(), x_row, x_end);
    rows.y.insert(rows.y.end(), y_row, y_end);
  }
  return finish(options, std::move(summary), std::move(by_task));
}

}  // namespace maml
