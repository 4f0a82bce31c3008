#pragma once

#include <optional>
#include <string>
#include <vector>

namespace maml {

/// Whose rows give batch norm its mean and variance (docs/design.md, batch norm).
enum class Statistics { transductive, support, running };

/// In the order of the enumeration.
const std::vector<std::string>& statistics_names();
std::string to_string(Statistics);
/// By name; throws Error that names the owner and what there is.
Statistics parse_statistics(const std::string& owner, const std::string& name);

/// How a model is called.
struct Mode {
  bool evaluating = false;                    ///< statistics `running` are read; else they move, and the batch's count
  std::optional<Statistics> statistics = {};  ///< in all layers that have any; none: what each layer's text says
};

}  // namespace maml
