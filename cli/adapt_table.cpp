#include "cli/adapt_table.h"

#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/common.h"
#include "cli/data.h"
#include "cli/text.h"
#include "maml/base/error.h"
#include "maml/train/adapted_file.h"
#include "maml/train/run_folder.h"
#include "maml/train/table_rows.h"

namespace maml::cli {

namespace {

using Json = nlohmann::ordered_json;

/// Rows of one file, standardised.
struct Examples {
  std::string file;
  std::size_t rows = 0;
  std::vector<float> x, y;
};

Examples read_examples(const std::string& path, const TableArguments& a, const Columns& columns) {
  const TextTable table = read_table(path, parse_separator(a.separator));
  const RowNumbers rows = rows_where(table, a.where);
  require_one_task(table, rows, columns);
  return {path, rows.size(), inputs_in(table, rows, columns), targets_in(table, rows, columns)};
}

/// The errors on one file's rows before and after the inner steps, a number a target.
struct Judged {
  const Examples& examples;
  std::vector<double> before, after;
};

std::string to_json(const TableArguments& a, const Columns& columns, int steps, const std::vector<Judged>& files) {
  Json object = {{"model", a.model}, {"steps", steps}, {"files", Json::array()}};
  for (const auto& judged : files) {
    Json one = {{"file", judged.examples.file}, {"rows", judged.examples.rows}, {"rmse", Json::object()}};
    for (std::size_t t = 0; t < columns.targets.size(); ++t)
      one["rmse"][columns.targets[t]] = {{"before", judged.before[t]}, {"after", judged.after[t]}};
    object["files"].push_back(std::move(one));
  }
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void print(const TableArguments& a, const Columns& columns, int steps, const std::vector<Judged>& files) {
  std::cout << a.model << ": " << steps << (steps == 1 ? " inner step" : " inner steps") << "\n\n";
  Table table({"file", "rows", "target", "RMSE before", "RMSE after"});
  for (const auto& judged : files)
    for (std::size_t t = 0; t < columns.targets.size(); ++t)
      table.add({judged.examples.file, with_commas(judged.examples.rows), columns.targets[t],
                 table_number(judged.before[t]), table_number(judged.after[t])});
  table.print(std::cout);
}

}  // namespace

bool is_of_tables(const std::string& model) {
  if (is_adapted_file(model)) return !read_adapted(model).loaded.options.data.columns.empty();
  return !RunFolder::open(model).options().data.columns.empty();
}

int adapt_table(const TableArguments& a) {
  require(!is_adapted_file(a.model), a.model,
          "is adapted already (maml predict takes it; to adapt anew, name the run)");
  const LoadedRun loaded = load_run(a.model);
  const Columns& columns = table_columns(loaded, a.model);
  require(!a.support.empty(), "adapt", "--support is missing (a CSV file with rows of the new task)");
  std::vector<Examples> files = {read_examples(a.support, a, columns)};
  for (const auto& path : a.query) files.push_back(read_examples(path, a, columns));
  const SupportSet support{files.front().x, files.front().y};
  const std::size_t budget = loaded.options.train.memory_mib << 20;
  const AdaptedModel before = adapt(loaded, support, {.steps = 0, .budget = budget});
  const AdaptedModel after = adapt(loaded, support, {.steps = a.steps, .budget = budget});
  std::vector<Judged> judged;
  for (const auto& file : files)
    judged.push_back({file, rms_errors(before, file.x, file.y, columns), rms_errors(after, file.x, file.y, columns)});
  if (!a.out.empty()) write_adapted(a.out, loaded, after, {});
  if (a.json) {
    std::cout << to_json(a, columns, after.steps(), judged);
    return 0;
  }
  print(a, columns, after.steps(), judged);
  if (!a.out.empty()) std::cout << "\nThe adapted model is in " << a.out << "\n";
  return 0;
}

}  // namespace maml::cli
