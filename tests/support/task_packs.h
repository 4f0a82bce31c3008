#pragma once

#include <string>

#include "maml/io/task_pack.h"

namespace maml_test {

/// A task pack whose row `r` (a number over the whole pack) has the inputs r, 2r and the target 1000 + r, so that a row
/// can be told from any of its values. 6 training tasks of 7, 8, .. rows, 2 of validation, 3 of testing.
inline maml::TaskPack small_task_pack() {
  maml::TaskPack pack;
  pack.about = "made by a test";
  pack.task = "sensor";
  pack.inputs = {"hour", "temperature, outside"};
  pack.targets = {"load"};
  for (std::size_t i = 0; i < 11; ++i) {
    const auto split = i < 6 ? maml::Split::train : i < 8 ? maml::Split::validation : maml::Split::test;
    pack.tasks.push_back({"s" + std::to_string(i), split, pack.rows(), 7 + i});
  }
  for (std::size_t row = 0; row < pack.rows(); ++row) {
    pack.x.push_back(static_cast<double>(row));
    pack.x.push_back(2 * static_cast<double>(row));
    pack.y.push_back(1000 + static_cast<double>(row));
  }
  return pack;
}

}  // namespace maml_test
