#pragma once

// Include this before any Highway header in the files of this folder. The instruction sets are those of
// maml/kernels/targets.h, chosen from at run time without Highway's library; or, with MAML_ADAPT_ISA of
// embed/CMakeLists.txt, the one that the compiler may assume.

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
#ifdef MAML_ADAPT_ONE_ISA
#define HWY_COMPILE_ONLY_STATIC
#endif
// Highway would take half floats and AES for a part of AVX2. Nothing here uses them, and a virtual machine may mask
// them.
#define HWY_DISABLE_F16C
#define HWY_DISABLE_PCLMUL_AES
// Small before fast: a few sizes of tiles do (maml/kernels/product_driver-inl.h).
#define MAML_FEW_TILES
// What its assertions call is in Highway's library.
#define HWY_IS_DEBUG_BUILD 0

#include <hwy/detect_targets.h>

// Older Highway does not know these.
#ifndef HWY_AVX3_ZEN4
#define HWY_AVX3_ZEN4 0
#endif
#ifndef HWY_AVX3_SPR
#define HWY_AVX3_SPR 0
#endif
