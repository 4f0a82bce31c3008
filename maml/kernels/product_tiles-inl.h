// The register tiles of product.cpp: rows times vectors of C, summed over all pairs before they leave the registers.

#if defined(MAML_KERNELS_PRODUCT_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_KERNELS_PRODUCT_TILES_INL_H_
#undef MAML_KERNELS_PRODUCT_TILES_INL_H_
#else
#define MAML_KERNELS_PRODUCT_TILES_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <hwy/highway.h>

#include "maml/kernels/product.h"

#ifndef MAML_UNROLL
#if HWY_COMPILER_GCC_ACTUAL
#define MAML_UNROLL HWY_PRAGMA(GCC unroll 32)
#else
#define MAML_UNROLL HWY_PRAGMA(unroll)
#endif
#endif

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class T> constexpr std::size_t lanes = HWY_LANES(T);

/// Whether loads of part of a vector are safe next to the end of an array. Elsewhere ragged panels are packed first.
constexpr bool partial_loads = HWY_MEM_OPS_MIGHT_FAULT == 0;

/// Half vectors pay where a whole one takes the time of two.
constexpr bool half_vectors = HWY_TARGET == HWY_AVX3;

constexpr bool many_registers = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON;

/// The most rows a tile of so many vectors has: accumulators, one row of B and an element of A fit the registers.
constexpr std::size_t most_rows(std::size_t vectors) {
  constexpr std::size_t registers[] = {12, 6, 4, 2};
  constexpr std::size_t more_registers[] = {12, 12, 8, 6};
  return (many_registers ? more_registers : registers)[vectors - 1];
}
constexpr std::size_t most_vectors = 4;

/// How the last vector of a panel reads B: whole; only its lanes inside the matrix; or those, as half a vector.
enum class Tail { whole, masked, half };

/// What the tiles of one panel of C share.
template <class T> struct Panel {
  const ProductPair<T>* pairs;
  std::size_t count;
  const T* ProductPair<T>::*a;  // which operand is broadcast, and which is read along the rows of C
  const T* ProductPair<T>::*b;
  std::ptrdiff_t b_offset;  // of the panel's first column
  std::size_t k;
  std::ptrdiff_t a_row, a_col, b_row, c_row;
  T* c;                     // at the panel's first column
  const T* bias;            // likewise, or null
  std::ptrdiff_t bias_col;  // 1, or 0 for one value throughout
  bool accumulate;
  std::size_t last_lanes;  // of the panel's last vector inside the matrix, 1 .. lanes
};

template <class T> HWY_NOINLINE void copy_elements(const T* from, std::size_t count, T* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
}

/// The first `count` elements, zeros after them; reads no others.
template <class D, class T = hn::TFromD<D>> HWY_INLINE hn::Vec<D> load_first(D d, const T* from, std::size_t count) {
  if (count == hn::MaxLanes(d)) return hn::LoadU(d, from);
  if constexpr (partial_loads) return hn::MaskedLoad(hn::FirstN(d, count), d, from);
  HWY_ALIGN T buffer[lanes<T>] = {};
  copy_elements(from, count, buffer);
  return hn::Load(d, buffer);
}

/// Writes the first `count` elements and touches no others.
template <class D, class T = hn::TFromD<D>> HWY_INLINE void store_first(D d, hn::Vec<D> v, T* to, std::size_t count) {
#if HWY_TARGET == HWY_AVX3
  if (count == hn::MaxLanes(d)) return hn::StoreU(v, d, to);
  hn::BlendedStore(v, hn::FirstN(d, count), d, to);
#elif HWY_TARGET == HWY_SCALAR
  if (count > 0) hn::StoreU(v, d, to);
#else  // masked stores are slow or missing: halves, quarters, ..
  constexpr std::size_t all = hn::MaxLanes(D());
  if (count == all) return hn::StoreU(v, d, to);
  if constexpr (all > 1) {
    const hn::Half<D> half;
    if (count < all / 2) return store_first(half, hn::LowerHalf(half, v), to, count);
    hn::StoreU(hn::LowerHalf(half, v), half, to);
    store_first(half, hn::UpperHalf(half, v), to + all / 2, count - all / 2);
  }
#endif
}

/// `blocks` tiles of kRows x kVectors from `row` down.
template <class T, std::size_t kRows, std::size_t kVectors, Tail kTail>
HWY_NOINLINE void tiles(const Panel<T>& panel, std::size_t row, std::size_t blocks) {
  const hn::ScalableTag<T> d;
  const std::conditional_t<kTail == Tail::half, hn::CappedTag<T, std::max<std::size_t>(1, lanes<T> / 2)>,
                           hn::ScalableTag<T>>
      last_d;
  using Vector = hn::Vec<decltype(d)>;
  using Last = hn::Vec<decltype(last_d)>;
  constexpr std::size_t whole = kVectors - 1;
  const auto mask = hn::FirstN(last_d, panel.last_lanes);
  const std::ptrdiff_t a_row = panel.a_row, a_col = panel.a_col, b_row = panel.b_row;
  const std::size_t k = panel.k;

  for (; blocks > 0; --blocks, row += kRows) {
    Vector sum[kRows][std::max<std::size_t>(1, whole)];
    Last last[kRows];
    T* const c = panel.c + static_cast<std::ptrdiff_t>(row) * panel.c_row;
    if (panel.accumulate) {
      MAML_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
        const T* const c_i = c + static_cast<std::ptrdiff_t>(i) * panel.c_row;
        MAML_UNROLL for (std::size_t v = 0; v < whole; ++v) sum[i][v] = hn::LoadU(d, c_i + v * lanes<T>);
        last[i] = load_first(last_d, c_i + whole * lanes<T>, panel.last_lanes);
      }
    } else if (panel.bias != nullptr && panel.bias_col == 1) {
      MAML_UNROLL for (std::size_t v = 0; v < whole; ++v) {
        const Vector start = hn::LoadU(d, panel.bias + v * lanes<T>);
        MAML_UNROLL for (std::size_t i = 0; i < kRows; ++i) sum[i][v] = start;
      }
      const Last start = load_first(last_d, panel.bias + whole * lanes<T>, panel.last_lanes);
      MAML_UNROLL for (std::size_t i = 0; i < kRows; ++i) last[i] = start;
    } else {
      const T start = panel.bias != nullptr ? *panel.bias : T(0);
      MAML_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
        MAML_UNROLL for (std::size_t v = 0; v < whole; ++v) sum[i][v] = hn::Set(d, start);
        last[i] = hn::Set(last_d, start);
      }
    }

    for (std::size_t r = 0; r < panel.count; ++r) {
      const T* a = panel.pairs[r].*panel.a + static_cast<std::ptrdiff_t>(row) * a_row;
      const T* b = panel.pairs[r].*panel.b + panel.b_offset;
      for (std::size_t j = 0; j < k; ++j, a += a_col, b += b_row) {
        Vector b_v[std::max<std::size_t>(1, whole)];
        MAML_UNROLL for (std::size_t v = 0; v < whole; ++v) b_v[v] = hn::LoadU(d, b + v * lanes<T>);
        Last b_last;
        if constexpr (kTail == Tail::whole) {
          b_last = hn::LoadU(last_d, b + whole * lanes<T>);
        } else {
          b_last = hn::MaskedLoad(mask, last_d, b + whole * lanes<T>);
        }
        MAML_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
          const T a_i = a[static_cast<std::ptrdiff_t>(i) * a_row];
          if constexpr (whole > 0) {
            const Vector a_v = hn::Set(d, a_i);
            MAML_UNROLL for (std::size_t v = 0; v < whole; ++v) sum[i][v] = hn::MulAdd(a_v, b_v[v], sum[i][v]);
            if constexpr (kTail == Tail::half) {
              last[i] = hn::MulAdd(hn::LowerHalf(last_d, a_v), b_last, last[i]);
            } else {
              last[i] = hn::MulAdd(a_v, b_last, last[i]);
            }
          } else {
            last[i] = hn::MulAdd(hn::Set(last_d, a_i), b_last, last[i]);
          }
        }
      }
    }

    MAML_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
      T* const c_i = c + static_cast<std::ptrdiff_t>(i) * panel.c_row;
      MAML_UNROLL for (std::size_t v = 0; v < whole; ++v) hn::StoreU(sum[i][v], d, c_i + v * lanes<T>);
      store_first(last_d, last[i], c_i + whole * lanes<T>, panel.last_lanes);
    }
  }
}

template <class T> using Tiles = void (*)(const Panel<T>&, std::size_t, std::size_t);

template <class T, std::size_t kVectors, Tail kTail, std::size_t... kRows>
constexpr Tiles<T> tiles_of(std::size_t rows, std::index_sequence<kRows...>) {
  constexpr Tiles<T> table[] = {&tiles<T, kRows + 1, kVectors, kTail>...};
  return table[rows - 1];
}

/// The rows of a panel in as few tiles as the registers allow, as even as they come.
template <class T, std::size_t kVectors, Tail kTail> void panel_of(const Panel<T>& panel, std::size_t m) {
  constexpr std::size_t most = most_rows(kVectors);
  const std::size_t blocks = (m + most - 1) / most;
  const std::size_t rows = m / blocks, taller = m % blocks;
  using Sizes = std::make_index_sequence<most>;
  if (taller > 0) tiles_of<T, kVectors, kTail>(rows + 1, Sizes{})(panel, 0, taller);
  tiles_of<T, kVectors, kTail>(rows, Sizes{})(panel, taller * (rows + 1), blocks - taller);
}

template <class T, Tail kTail> void panel_of(const Panel<T>& panel, std::size_t m, std::size_t vectors) {
  switch (vectors) {
  case 1:
    return panel_of<T, 1, kTail>(panel, m);
  case 2:
    return panel_of<T, 2, kTail>(panel, m);
  case 3:
    return panel_of<T, 3, kTail>(panel, m);
  default:
    return panel_of<T, 4, kTail>(panel, m);
  }
}

/// Computes a panel of so many vectors; `padded`: B may be read to the end of the last one.
template <class T> void panel_of(const Panel<T>& panel, std::size_t m, std::size_t vectors, bool padded) {
  if constexpr (half_vectors) {
    if (panel.last_lanes <= lanes<T> / 2) return panel_of<T, Tail::half>(panel, m, vectors);
  }
  if constexpr (partial_loads && lanes < T >> 1) {
    if (!padded && panel.last_lanes < lanes<T>) return panel_of<T, Tail::masked>(panel, m, vectors);
  }
  panel_of<T, Tail::whole>(panel, m, vectors);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
