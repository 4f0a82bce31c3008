#include <iostream>
#include <memory>

#include "cli/common.h"
#include "cli/data.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/train/adapted_file.h"
#include "maml/train/table_rows.h"

namespace maml::cli {

namespace {

struct Arguments {
  std::string model, table, out, where, separator = ",";
  bool overwrite = false;
};

bool has_targets(const TextTable& table, const Columns& columns) {
  for (const auto& target : columns.targets)
    if (!table.has(target)) return false;
  return true;
}

int run(const Arguments& a) {
  require(!a.model.empty() && !a.table.empty(), "predict",
          "name an adapted model and a CSV file (maml predict mine.safetensors new.csv --out predictions.csv)");
  require(is_adapted_file(a.model), a.model,
          "is no adapted model (maml adapt RUN --support mine.csv --out mine.safetensors writes one)");
  if (!a.out.empty()) require_free(a.out, "--out", a.overwrite);
  const LoadedAdapted was = read_adapted(a.model);
  require(was.classes.empty(), a.model, "tells pictures apart (maml adapt ", a.model, " --query FILE)");
  const Columns& columns = table_columns(was.loaded, a.model);
  const TextTable table = read_table(a.table, parse_separator(a.separator));
  const RowNumbers rows = rows_where(table, a.where);
  require_one_task(table, rows, columns);
  const auto x = inputs_in(table, rows, columns);
  const std::string text = with_predictions(table, rows, columns, predicted(was.adapted, x, columns));
  if (a.out.empty()) {
    std::cout << text;
    return 0;
  }
  write_atomically(a.out, text);
  std::cout << with_commas(rows.size()) << (rows.size() == 1 ? " prediction is in " : " predictions are in ") << a.out
            << "\n";
  if (!has_targets(table, columns)) return 0;
  const auto errors = rms_errors(was.adapted, x, targets_in(table, rows, columns), columns);
  for (std::size_t t = 0; t < errors.size(); ++t)
    std::cout << "RMSE of " << columns.targets[t] << ": " << table_number(errors[t]) << "\n";
  return 0;
}

}  // namespace

void add_predict(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand("predict", "Predicts rows of a CSV file by a model adapted to others");
  const auto a = std::make_shared<Arguments>();
  verb->add_option("model", a->model, "An adapted model: a file of maml adapt --out")->type_name("FILE.safetensors");
  verb->add_option("table", a->table, "What to predict: a table with the model's inputs")->type_name("FILE.csv");
  verb->add_option("--out", a->out, "The table with predictions [standard output]")->type_name("FILE.csv");
  verb->add_option("--where", a->where, "Only rows whose cell in a column is a text")->type_name("COLUMN=VALUE");
  verb->add_option("--separator", a->separator, "Between cells: one character, or tab")
      ->type_name("C")
      ->capture_default_str();
  verb->add_flag("--overwrite", a->overwrite, "Replaces what --out names if it exists");
  verb->footer("Examples:\n"
               "  maml adapt runs/sensors --support mine.csv --out mine.safetensors\n"
               "  maml predict mine.safetensors new.csv --out predictions.csv\n\n"
               "Columns are found by their names; all of them are copied, and predicted_TARGET is added, in the\n"
               "target's own units. Where the targets are there too, their errors are told.");
  verb->callback([a, &chosen] { chosen = [a] { return run(*a); }; });
}

}  // namespace maml::cli
