#pragma once

#include <memory>
#include <string>

#include "maml/io/task_pack.h"
#include "maml/tasks/columns.h"
#include "maml/tasks/domain.h"

namespace maml {

struct TableDomainOptions {
  /// A task pack (maml data import csv or npz makes one).
  std::string file;
  /// `any`: a task's rows are drawn at random; `window`: rows that follow each other, queries behind the support.
  std::string rows = "any";
  /// How values become inputs and targets; empty: `columns_of` the pack.
  Columns columns = {};
};

/// Regression on tables: a task is a task of the pack (a sensor, a patient, a shop) from the split of its purpose, each
/// as likely, and `shots` + `query_shots` of its rows, all different. Inputs and targets are standardised.
std::unique_ptr<Domain> make_table(const TableDomainOptions&);

/// The pack's columns with means and standard deviations over all rows of its training tasks. Throws Error at `name`
/// for a column that is the same in all of them.
Columns columns_of(const TaskPack&, const std::string& name);

}  // namespace maml
