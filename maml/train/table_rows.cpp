#include "maml/train/table_rows.h"

#include <cmath>
#include <numeric>
#include <set>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/io/csv_log.h"

namespace maml {

namespace {

constexpr std::size_t most_named = 3;

/// The columns with numbers first .. first + count - 1 among inputs and targets, rows x count.
std::vector<float> standardised(const TextTable& table, std::span<const std::size_t> rows, const Columns& columns,
                                std::size_t first, std::size_t count) {
  std::vector<std::size_t> places;
  for (std::size_t i = first; i < first + count; ++i) places.push_back(table.column(columns.name(i)));
  std::vector<float> values;
  values.reserve(rows.size() * count);
  for (const std::size_t row : rows)
    for (std::size_t i = 0; i < count; ++i) {
      const double value = columns.standardised(first + i, table.number(row, places[i]));
      values.push_back(static_cast<float>(value));
      require(std::isfinite(values.back()), table.place(row), "column ", columns.name(first + i), " is ",
              table.cell(row, places[i]), ", which is too far from what the model learned on (mean ",
              columns.means[first + i], ", deviation ", columns.deviations[first + i], ")");
    }
  return values;
}

}  // namespace

RowNumbers rows_where(const TextTable& table, const std::string& condition) {
  RowNumbers rows(table.rows());
  std::iota(rows.begin(), rows.end(), 0u);
  if (!condition.empty()) {
    const auto equals = condition.find('=');
    require(equals != std::string::npos && equals > 0, "--where", "cannot be '", condition, "' (write COLUMN=VALUE)");
    const std::size_t column = table.column(condition.substr(0, equals));
    const std::string value = condition.substr(equals + 1);
    std::erase_if(rows, [&](std::size_t row) { return table.cell(row, column) != value; });
  }
  require(!rows.empty(), table.path(), "has no row", condition.empty() ? "" : " where ", condition,
          " (is it the right file?)");
  return rows;
}

const Columns& table_columns(const LoadedModel& loaded, const std::string& name) {
  const Columns& columns = loaded.options.data.columns;
  require(!columns.empty(), name, "did not learn from a table: it is not known what columns it reads");
  require_sound(columns, name);
  const Model& model = *loaded.model;
  require(model.input().size() == columns.inputs.size() && model.output().size() == columns.targets.size() &&
              model.loss().name() == "mse",
          name, "has ", model.input().size(), " inputs, ", model.output().size(), " outputs and the loss ",
          model.loss().name(), ", but its columns are ", columns.inputs.size(), " inputs and ", columns.targets.size(),
          " targets, and its loss is to be mse");
  return columns;
}

void require_one_task(const TextTable& table, std::span<const std::size_t> rows, const Columns& columns) {
  if (columns.task.empty() || !table.has(columns.task)) return;
  const std::size_t column = table.column(columns.task);
  std::set<std::string> tasks;
  for (const std::size_t row : rows) tasks.emplace(table.cell(row, column));
  if (tasks.size() < 2) return;
  std::vector<std::string> named;
  for (const auto& task : tasks)
    if (named.size() < most_named) named.push_back(task);
  fail(table.path(), "has rows of ", tasks.size(), " tasks by its column ", columns.task, " (", join(named),
       tasks.size() > most_named ? ", .." : "", "), but a model is adapted to one (name it: --where ", columns.task,
       "=", named.front(), ")");
}

std::vector<float> inputs_in(const TextTable& table, std::span<const std::size_t> rows, const Columns& columns) {
  return standardised(table, rows, columns, 0, columns.inputs.size());
}

std::vector<float> targets_in(const TextTable& table, std::span<const std::size_t> rows, const Columns& columns) {
  return standardised(table, rows, columns, columns.inputs.size(), columns.targets.size());
}

std::vector<double> restored(std::span<const float> outputs, const Columns& columns) {
  std::vector<double> values(outputs.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = columns.restored(columns.inputs.size() + i % columns.targets.size(), static_cast<double>(outputs[i]));
  return values;
}

std::vector<double> predicted(const AdaptedModel& adapted, std::span<const float> x, const Columns& columns) {
  return restored(adapted.outputs(x), columns);
}

std::vector<double> rms_errors(const AdaptedModel& adapted, std::span<const float> x, std::span<const float> y,
                               const Columns& columns) {
  const auto outputs = adapted.outputs(x);
  const std::size_t targets = columns.targets.size(), rows = outputs.size() / targets;
  std::vector<double> errors(targets);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const double difference = static_cast<double>(outputs[i]) - static_cast<double>(y[i]);
    errors[i % targets] += difference * difference / static_cast<double>(rows);
  }
  for (std::size_t i = 0; i < targets; ++i)
    errors[i] = std::sqrt(errors[i]) * columns.deviations[columns.inputs.size() + i];
  return errors;
}

std::string with_predictions(const TextTable& table, std::span<const std::size_t> rows, const Columns& columns,
                             std::span<const double> predictions) {
  const char separator = table.separator();
  std::string text;
  const auto add = [&](std::string_view cell, bool is_first) {
    if (!is_first) text += separator;
    text += csv_cell(cell, separator);
  };
  for (std::size_t i = 0; i < table.names().size(); ++i) add(table.names()[i], i == 0);
  for (const auto& target : columns.targets) {
    require(!table.has("predicted_" + target), table.path(), "has a column predicted_", target,
            " already, which is what predictions are called (rename it)");
    add("predicted_" + target, false);
  }
  text += '\n';
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t c = 0; c < table.names().size(); ++c) add(table.cell(rows[i], c), c == 0);
    for (std::size_t t = 0; t < columns.targets.size(); ++t)
      add(shortest_text(predictions[i * columns.targets.size() + t]), false);
    text += '\n';
  }
  return text;
}

}  // namespace maml
