#pragma once

#include "maml/train/experiment.h"

namespace maml {

/// Multiply-adds of one meta-iteration's products, times two (docs/performance.md has the derivation). Elementwise work
/// is not counted.
double meta_iteration_flops(const Experiment&);
double meta_iteration_flops(const Options&, const Model&, const Domain&);
/// Those of one task of it.
double task_flops(const Model&, const Domain&, const std::string& algorithm, const InnerOptions&, const TaskSize&);
/// Those of so many inner steps on one task and of predictions of so many rows: the support rows too, where batch norm
/// takes its statistics from them.
double adaptation_flops(const Model&, const InnerOptions&, int steps, std::size_t support_rows,
                        std::size_t predicted_rows);

}  // namespace maml
