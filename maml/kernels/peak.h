#pragma once

#include "maml/kernels/isa.h"

namespace maml {

/// The arithmetic peak of this machine at this moment in GFLOP/s: independent multiply-add chains (fused where `isa`
/// has it) on the widest vectors of `isa`, on `threads` threads at once, about 20 ms each, best of five. Throws `Error`
/// if the CPU lacks `isa` or `threads` < 1.
double measure_peak_gflops(int threads, bool double_precision, Isa isa);

}  // namespace maml
