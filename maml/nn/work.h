#pragma once

#include <cstddef>
#include <vector>

#include "maml/nn/model.h"

namespace maml {

/// What one task's meta-gradient consists of, for counting its work.
struct WorkOptions {
  int inner_steps = 1;
  std::size_t support_rows = 0, query_rows = 0;  ///< query rows with the support rows a coupled batch begins with
  bool second_order = true;
  int query_gradients = 1;          ///< 0: the query loss is only evaluated (reptile)
  std::vector<unsigned char> mask;  ///< one 0 or 1 a slice; empty: all adapted
  std::size_t front_layers = 0;     ///< layers of a frozen front whose features are computed once a task
};

/// Floating-point operations of one task's meta-gradient: two for each multiply-add of the products on real pixels,
/// tangents with their null terms left out; element-wise work and recomputation are not counted (docs/performance.md).
double meta_gradient_flops(const Model&, const WorkOptions&);

}  // namespace maml
