#include "maml/tasks/domains.h"

#include <array>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/tasks/images.h"
#include "maml/tasks/point_navigation.h"
#include "maml/tasks/sinusoid.h"
#include "maml/tasks/table.h"

namespace maml {

namespace {

struct Row {
  const char* name;
  bool brings_input;
  std::unique_ptr<Domain> (*make)(const DomainOptions&);
};

const std::array table = {
    Row{"sinusoid", true, [](const DomainOptions& o) { return make_sinusoid({o.oracle}); }},
    Row{"point_navigation", false,
        [](const DomainOptions& o) {
          return make_point_navigation({o.policy, o.horizon, o.discount});
        }},
    Row{"images", false,
        [](const DomainOptions& o) {
          return make_images({o.file, o.rotations});
        }},
    Row{"table", false,
        [](const DomainOptions& o) {
          return make_table({o.file, o.rows, o.columns});
        }},
};

}  // namespace

std::vector<std::string> domain_names() {
  std::vector<std::string> names;
  for (const auto& row : table) names.emplace_back(row.name);
  return names;
}

namespace {

const Row& row_of(const std::string& name) {
  for (const auto& row : table)
    if (row.name == name) return row;
  require(name != "given", "data.domain",
          "is 'given': the tasks were handed over by a program, which alone can make them "
          "again (from Python: MetaLearner.load(..).score(tasks))");
  fail("data.domain", "unknown domain '", name, "'", did_you_mean(name, domain_names()),
       " (known: ", join(domain_names()), ")");
}

}  // namespace

bool brings_input(const std::string& name) {
  return row_of(name).brings_input;
}

std::unique_ptr<Domain> make_domain(const std::string& name, const DomainOptions& options) {
  return row_of(name).make(options);
}

}  // namespace maml
