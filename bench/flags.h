#pragma once

#include <map>
#include <string>
#include <vector>

#include "maml/base/error.h"
#include "maml/base/nearest.h"

namespace maml::bench {

/// The `--name value` pairs of a bench's command line. Throws Error for a name that is not among the known ones.
class Flags {
public:
  Flags(int argc, char** argv, const std::vector<std::string>& known) {
    for (int i = 1; i < argc; i += 2) {
      const std::string name = argv[i];
      bool is_known = false;
      for (const auto& one : known) is_known = is_known || name == "--" + one;
      require(is_known, "bench", "unknown option ", name, " (known, after --: ", join(known), ")");
      require(i + 1 < argc, "bench", name, " wants a value");
      values_[name.substr(2)] = argv[i + 1];
    }
  }

  std::string text(const std::string& name, const std::string& otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : found->second;
  }
  int number(const std::string& name, int otherwise) const {
    const std::string given = text(name, std::to_string(otherwise));
    require(!given.empty() && given.size() < 9 && given.find_first_not_of("0123456789") == std::string::npos,
            "--" + name, "is '", given, "', but must be a whole number");
    return std::stoi(given);
  }

private:
  std::map<std::string, std::string> values_;
};

}  // namespace maml::bench
