#include "maml/tasks/columns.h"

#include <cmath>
#include <set>

#include "maml/base/error.h"

namespace maml {

void require_sound(const Columns& columns, const std::string& where) {
  require(!columns.inputs.empty() && !columns.targets.empty(), where, "names ", columns.inputs.size(), " inputs and ",
          columns.targets.size(), " targets, but a table has both (name one of each at least)");
  std::set<std::string> names;
  for (std::size_t i = 0; i < columns.count(); ++i)
    require(names.insert(columns.name(i)).second, where, "names the column ", columns.name(i),
            " twice (an input is no target, and neither is there twice)");
  require(!names.contains(columns.task), where, "names the column ", columns.task,
          " as what tells tasks apart and as an input or a target (a model learns nothing of a new task from it)");
  require(columns.means.size() == columns.count() && columns.deviations.size() == columns.count(), where, "has ",
          columns.means.size(), " means and ", columns.deviations.size(), " deviations, but ", columns.count(),
          " columns (one of each for every input, then for every target)");
  for (std::size_t i = 0; i < columns.count(); ++i)
    require(std::isfinite(columns.means[i]) && std::isfinite(columns.deviations[i]) && columns.deviations[i] > 0, where,
            "has a mean or a deviation of the column ", columns.name(i), " that cannot be: ", columns.means[i], ", ",
            columns.deviations[i], " (finite, deviations above 0)");
}

}  // namespace maml
