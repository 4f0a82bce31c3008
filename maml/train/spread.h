#pragma once

#include <vector>

#include "maml/train/evaluation.h"

namespace maml {

/// Over several runs of one experiment: the mean of their means after so many inner steps, and their sample standard
/// deviation (0 for one run).
struct SpreadStep {
  int step = 0;
  double mean = 0, deviation = 0;
};

/// Steps that all of them have. At least one evaluation.
std::vector<SpreadStep> spread_of(const std::vector<EvaluationSummary>&);

}  // namespace maml
