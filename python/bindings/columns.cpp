#include "maml/tasks/columns.h"

#include <cmath>

#include "bindings/arrays.h"
#include "maml/base/error.h"
#include "maml/train/table_rows.h"

namespace maml::python {

namespace {

/// values: rows x count, of the columns with numbers first, first + 1, .. among inputs and targets.
Out<float> standardised(const Columns& columns, const In<double>& values, std::size_t first, std::size_t count) {
  std::vector<float> result(values.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::size_t column = first + i % count;
    const double value = values.data()[i];
    result[i] = static_cast<float>(columns.standardised(column, value));
    require(std::isfinite(result[i]), columns.name(column), "is ", value, " in row ", i / count,
            ", which is not finite or too far from what the model learned on (mean ", columns.means[column],
            ", deviation ", columns.deviations[column], ")");
  }
  return array(std::move(result), {values.size() / count, count});
}

Out<double> restored(const Columns& columns, const In<float>& outputs) {
  const std::size_t targets = columns.targets.size();
  return array(maml::restored({outputs.data(), outputs.size()}, columns), {outputs.size() / targets, targets});
}

}  // namespace

void bind_columns(nb::module_& m) {
  nb::class_<Columns>(m, "Columns", "How a table's own units become a model's inputs and targets, and back.")
      .def("inputs",
           [](const Columns& self, const In<double>& x) { return standardised(self, x, 0, self.inputs.size()); },
           nb::arg("x"))
      .def("targets",
           [](const Columns& self, const In<double>& y) {
             return standardised(self, y, self.inputs.size(), self.targets.size());
           },
           nb::arg("y"))
      .def("restored", &restored, nb::arg("outputs"));
}

}  // namespace maml::python
