#include "maml/nn/mode.h"

#include <algorithm>

#include "maml/base/error.h"
#include "maml/base/nearest.h"

namespace maml {

const std::vector<std::string>& statistics_names() {
  static const std::vector<std::string> names = {"transductive", "support", "running"};
  return names;
}

std::string to_string(Statistics statistics) {
  return statistics_names()[static_cast<std::size_t>(statistics)];
}

Statistics parse_statistics(const std::string& owner, const std::string& name) {
  const auto& names = statistics_names();
  const auto found = std::find(names.begin(), names.end(), name);
  require(found != names.end(), owner, "unknown statistics '", name, "'", did_you_mean(name, names),
          " (known: ", join(names), ")");
  return static_cast<Statistics>(found - names.begin());
}

}  // namespace maml
