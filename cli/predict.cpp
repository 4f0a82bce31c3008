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

/// Those of the rows that have all targets.
RowNumbers rows_with_targets(const TextTable& table, RowNumbers rows, const Columns& columns) {
  for (const auto& target : columns.targets) {
    if (!table.has(target)) return {};
    const std::size_t column = table.column(target);
    std::erase_if(rows, [&](std::size_t row) { return table.is_missing(row, column); });
  }
  return rows;
}

/// `RMSE of load: 3.141`, a line for each target, of the rows that have them; nothing where none has.
std::string errors_text(const AdaptedModel& adapted, const TextTable& table, const RowNumbers& rows,
                        const Columns& columns) {
  const RowNumbers judged = rows_with_targets(table, rows, columns);
  if (judged.empty()) return "";
  const auto errors =
      rms_errors(adapted, inputs_in(table, judged, columns), targets_in(table, judged, columns), columns);
  std::string text, over;
  if (judged.size() < rows.size())
    over = " (over " + with_commas(judged.size()) + " of " + with_commas(rows.size()) + " rows)";
  for (std::size_t t = 0; t < errors.size(); ++t)
    text += "RMSE of " + columns.targets[t] + ": " + table_number(errors[t]) + over + "\n";
  return text;
}

int run(const Arguments& a) {
  require(!a.model.empty() && !a.table.empty(), "predict",
          "name an adapted model and a CSV file (maml predict mine.safetensors new.csv --out predictions.csv)");
  require(names_adapted(a.model), a.model,
          "is no adapted model (maml adapt RUN --support mine.csv --out mine.safetensors writes one)");
  if (!a.out.empty()) require_free(a.out, "--out", a.overwrite);
  const LoadedAdapted was = read_adapted(a.model);
  require(was.classes.empty(), a.model, "tells pictures apart (maml adapt ", a.model, " --query FILE)");
  const Columns& columns = table_columns(was.loaded, a.model);
  const TextTable table = read_table(a.table, parse_separator(a.separator));
  const RowNumbers rows = rows_where(table, a.where);
  require_one_task(table, rows, columns);
  const std::string text =
      with_predictions(table, rows, columns, predicted(was.adapted, inputs_in(table, rows, columns), columns));
  // First: a target that is no number leaves no file.
  const std::string errors = errors_text(was.adapted, table, rows, columns);
  if (a.out.empty()) {
    std::cout << text << std::flush;
    std::cerr << errors;
    return 0;
  }
  write_atomically(a.out, text);
  std::cout << with_commas(rows.size()) << (rows.size() == 1 ? " prediction is in " : " predictions are in ") << a.out
            << "\n"
            << errors;
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
               "target's own units. The errors over the rows that have targets too are told,\n"
               "without --out on standard error.");
  verb->callback([a, &chosen] { chosen = [a] { return run(*a); }; });
}

}  // namespace maml::cli
