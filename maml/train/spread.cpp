#include "maml/train/spread.h"

#include <algorithm>
#include <cmath>

#include "maml/base/error.h"

namespace maml {

std::vector<SpreadStep> spread_of(const std::vector<EvaluationSummary>& evaluations) {
  require(!evaluations.empty(), "spread", "of no runs");
  std::size_t steps = evaluations.front().steps.size();
  for (const auto& evaluation : evaluations) steps = std::min(steps, evaluation.steps.size());
  const double n = static_cast<double>(evaluations.size());
  std::vector<SpreadStep> result;
  for (std::size_t k = 0; k < steps; ++k) {
    double sum = 0, squares = 0;
    for (const auto& evaluation : evaluations) sum += evaluation.steps[k].mean;
    for (const auto& evaluation : evaluations) squares += std::pow(evaluation.steps[k].mean - sum / n, 2);
    const double deviation = evaluations.size() > 1 ? std::sqrt(squares / (n - 1)) : 0;
    result.push_back({evaluations.front().steps[k].step, sum / n, deviation});
  }
  return result;
}

}  // namespace maml
