#include <array>

#include "maml/algorithms/algorithm.h"
#include "maml/base/error.h"
#include "maml/base/nearest.h"

namespace maml {

Algorithm maml_row();
Algorithm fomaml_row();
Algorithm anil_row();
Algorithm boil_row();
Algorithm reptile_row();
Algorithm meta_sgd_row();
Algorithm pretrained_row();
Algorithm oracle_row();

std::span<const Algorithm> algorithms() {
  static const std::array table = {maml_row(),    fomaml_row(),   anil_row(),       boil_row(),
                                   reptile_row(), meta_sgd_row(), pretrained_row(), oracle_row()};
  return table;
}

const Algorithm& algorithm(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& row : algorithms()) {
    if (row.name == name) return row;
    names.emplace_back(row.name);
  }
  fail("outer.algorithm", "unknown algorithm '", name, "'", did_you_mean(std::string(name), names),
       " (known: ", join(names), ")");
}

}  // namespace maml
