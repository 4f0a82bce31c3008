#pragma once

#include "maml/train/experiment.h"

namespace maml {

/// Multiply-adds of one meta-iteration's products, times two (docs/performance.md has the derivation). Elementwise work
/// is not counted.
double meta_iteration_flops(const Experiment&);
double meta_iteration_flops(const Options&, const Model&, const Domain&);
/// Those of one task of it.
double task_flops(const Model&, const Domain&, const std::string& algorithm, const InnerOptions&, const TaskSize&);

}  // namespace maml
