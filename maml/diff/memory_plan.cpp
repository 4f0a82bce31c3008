#include "maml/diff/memory_plan.h"

#include <algorithm>

#include "maml/base/error.h"

namespace maml {

std::size_t theta_slots(int steps, int stride) {
  if (steps == 0) return 0;
  const int kept = (steps - 1) / stride;
  return static_cast<std::size_t>(kept + 1 + std::min(stride, steps) - 1);
}

MemoryPlan plan_memory(const MemoryNeeds& needs, std::size_t budget) {
  const auto bytes = [&](int stride, std::size_t tapes) {
    return (needs.fixed + theta_slots(needs.steps, stride) * needs.theta + tapes * needs.tape) * needs.element;
  };
  MemoryPlan plan;
  plan.minimum = bytes(1, 0);
  for (int stride = 2; stride <= needs.steps; ++stride) plan.minimum = std::min(plan.minimum, bytes(stride, 0));
  if (plan.minimum > budget)
    throw BudgetError("[memory] one pass of one group of tasks needs " + std::to_string(plan.minimum) +
                      " bytes, more than a worker's budget of " + std::to_string(budget) +
                      " (raise the budget: train.memory_mib of a run, AdaptationOptions::budget in a program; or use "
                      "fewer threads)");
  while (bytes(plan.stride, 0) > budget) ++plan.stride;
  if (needs.keep_tapes && needs.tape > 0)
    plan.tapes_kept = static_cast<int>(std::min<std::size_t>(
        static_cast<std::size_t>(needs.steps), (budget - bytes(plan.stride, 0)) / (needs.tape * needs.element)));
  plan.bytes = bytes(plan.stride, static_cast<std::size_t>(plan.tapes_kept));
  return plan;
}

}  // namespace maml
