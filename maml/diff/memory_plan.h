#pragma once

#include <cstddef>

#include "maml/diff/adaptation.h"

namespace maml {

/// Sizes, in elements, that a memory plan chooses from.
struct MemoryNeeds {
  int steps = 0;
  std::size_t fixed = 0;  ///< held whatever the plan
  std::size_t theta = 0;  ///< one theta_k with the rule's state, for all tasks
  std::size_t tape = 0;   ///< one step's tape with its gradient, for all tasks
  bool keep_tapes = true;
  std::size_t element = 0;  ///< bytes of one
};

/// How many theta_k a stride takes: those kept for every stride-th k, the last, and one stretch between two kept.
std::size_t theta_slots(int steps, int stride);

/// The fastest plan within the budget: every theta_k if they fit, then as many tapes as fit. Throws BudgetError where
/// no stride fits, naming the least budget that would do.
MemoryPlan plan_memory(const MemoryNeeds&, std::size_t budget);

}  // namespace maml
