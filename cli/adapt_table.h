#pragma once

#include <optional>
#include <string>
#include <vector>

namespace maml::cli {

/// What `maml adapt` is asked about a model of tables.
struct TableArguments {
  std::string model, support, out, where, separator = ",";
  std::vector<std::string> query;
  std::optional<int> steps;
  bool json = false;
};

/// Whether a run, or an adapted model, learned from tables.
bool is_of_tables(const std::string& model);

/// Adapts to the rows of `support`, tells the errors on them and on those of `query`, keeps the model.
int adapt_table(const TableArguments&);

}  // namespace maml::cli
