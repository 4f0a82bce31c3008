#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "maml/tasks/domain.h"

namespace maml {

class Model;

/// What the domains can be told; each reads its own part.
struct DomainOptions {
  bool oracle = false;             ///< sinusoid
  const Model* policy = nullptr;   ///< point_navigation, which borrows it
  std::size_t horizon = 100;       ///< point_navigation
  double discount = 0.99;          ///< point_navigation
  std::string file = {};           ///< images: a packed file; table: packed tasks
  std::string rotations = "none";  ///< images: none, task or classes
  std::string rows = "any";        ///< table: any or window
  Columns columns = {};            ///< table: how they are standardised; empty: as the training tasks are
};

std::vector<std::string> domain_names();
/// Whether a domain's options alone, without a model or a file, say what its inputs are. Throws Error as make_domain.
bool brings_input(const std::string& name);
/// By name; throws Error that names the nearest. Adding a domain is one file and one line in domains.cpp.
std::unique_ptr<Domain> make_domain(const std::string& name, const DomainOptions& = {});

}  // namespace maml
