#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "maml/io/table.h"
#include "maml/train/adapt.h"

namespace maml {

/// Rows of a table by their numbers.
using RowNumbers = std::vector<std::size_t>;

/// Those whose cell in a column is a text, `sensor=s7`; all for the empty condition. Throws Error where there are none.
RowNumbers rows_where(const TextTable&, const std::string& condition);

/// Throws Error where the model cannot be fed from a table: it did not learn from one, or its sizes are other than its
/// columns'. `name` stands for it.
const Columns& table_columns(const LoadedModel&, const std::string& name);

/// Throws Error where the column that names tasks is there and these rows are of more than one: a model is adapted to
/// one.
void require_one_task(const TextTable&, std::span<const std::size_t> rows, const Columns&);

/// The rows' inputs, and their targets, standardised. Columns are found by their names.
std::vector<float> inputs_in(const TextTable&, std::span<const std::size_t> rows, const Columns&);
std::vector<float> targets_in(const TextTable&, std::span<const std::size_t> rows, const Columns&);

/// Outputs of a table's model in the targets' own units: rows x targets.
std::vector<double> restored(std::span<const float> outputs, const Columns&);
/// What an adapted model says of standardised inputs, in the targets' own units: rows x targets.
std::vector<double> predicted(const AdaptedModel&, std::span<const float> x, const Columns&);

/// Root of the mean squared error of each target, in its own units.
std::vector<double> rms_errors(const AdaptedModel&, std::span<const float> x, std::span<const float> y, const Columns&);

/// The rows as CSV: all columns of the table, and behind them `predicted_NAME` for each target. Throws Error where the
/// table has such a column.
std::string with_predictions(const TextTable&, std::span<const std::size_t> rows, const Columns&,
                             std::span<const double> predictions);

}  // namespace maml
