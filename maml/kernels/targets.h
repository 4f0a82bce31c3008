#pragma once

// Include this before any Highway header in every file that is compiled once per instruction set. It leaves one Highway
// target per `Isa`: the compiler's baseline, AVX2 and AVX-512 on x86, NEON on Arm.

#ifdef HIGHWAY_HWY_DETECT_TARGETS_H_
#error "include maml/kernels/targets.h before any Highway header"
#endif

// Builds that take long for each of them (sanitizers, fuzzing) leave some out: MAML_MOST_ISA in CMakeLists.txt.
#if defined(MAML_MOST_ISA_BASELINE)
#define MAML_LEFT_OUT (HWY_AVX2 | HWY_AVX3)
#elif defined(MAML_MOST_ISA_AVX2)
#define MAML_LEFT_OUT HWY_AVX3
#else
#define MAML_LEFT_OUT 0
#endif

#define HWY_DISABLED_TARGETS                                                                                           \
  (MAML_LEFT_OUT | HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_AVX3_ZEN4 | HWY_AVX3_SPR | HWY_SVE | HWY_SVE2 |            \
   HWY_SVE_256 | HWY_SVE2_128)

#include <hwy/detect_targets.h>

// Older Highway does not know these.
#ifndef HWY_AVX3_ZEN4
#define HWY_AVX3_ZEN4 0
#endif
#ifndef HWY_AVX3_SPR
#define HWY_AVX3_SPR 0
#endif

namespace maml::detail {

/// Makes HWY_DYNAMIC_DISPATCH follow MAML_ISA; a bad value is reported by the first `active_isa()`. Always true.
bool steer_dispatch() noexcept;

/// Its initialiser runs before main in every program that links a file compiled per instruction set.
inline const bool dispatch_steered = steer_dispatch();

}  // namespace maml::detail
