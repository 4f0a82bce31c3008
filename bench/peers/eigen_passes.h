#pragma once

#include <cstddef>

#include "bench/peers/peer.h"

namespace maml::bench {

/// Patches and Eigen's matrix product, `block` output pixels at a time. `patches` holds block x (all taps x in)
/// elements. Compiled once per instruction set.
struct EigenPasses {
  void (*forward)(const Convolution&, std::size_t block, float* patches, float* y);
  void (*weights)(const Convolution&, std::size_t block, float* patches, float* dw);
  void (*inputs)(const Convolution&, std::size_t block, float* patches, float* dx);
};
extern const EigenPasses eigen_avx2, eigen_avx512;

}  // namespace maml::bench
