#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace maml {

/// What a table's columns are to a model, and how their values become its inputs and targets: each column is moved and
/// scaled so that over the training tasks it has mean 0 and standard deviation 1.
struct Columns {
  std::string task;                       ///< names each row's task; may be empty
  std::vector<std::string> inputs;        ///< none: the data are no table
  std::vector<std::string> targets;       ///< other columns than the inputs
  std::vector<double> means, deviations;  ///< of the inputs, then of the targets

  bool empty() const { return inputs.empty() && targets.empty(); }
  std::size_t count() const { return inputs.size() + targets.size(); }
  // By the column's number among the inputs, then the targets.
  const std::string& name(std::size_t i) const { return i < inputs.size() ? inputs[i] : targets[i - inputs.size()]; }
  double standardised(std::size_t i, double value) const { return (value - means[i]) / deviations[i]; }
  double restored(std::size_t i, double value) const { return value * deviations[i] + means[i]; }
  bool operator==(const Columns&) const = default;
};

/// Throws Error at `where` unless there are inputs and targets, no name twice, and a mean and a deviation above 0 for
/// each, all finite.
void require_sound(const Columns&, const std::string& where);

}  // namespace maml
