// Packing of operands whose rows are not contiguous, and dot products of contiguous vectors; parts of product.cpp.

#if defined(MAML_KERNELS_PRODUCT_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_KERNELS_PRODUCT_PACK_INL_H_
#undef MAML_KERNELS_PRODUCT_PACK_INL_H_
#else
#define MAML_KERNELS_PRODUCT_PACK_INL_H_
#endif

#include "maml/kernels/product_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {
namespace {

/// Elements of a 128-bit block: interleaving works within blocks.
template <class T> constexpr std::size_t block = std::min<std::size_t>(lanes<T>, 16 / sizeof(T));

/// Packing goes by vectors of at most 256 bits: wider ones take more shuffles to fill.
template <class T> constexpr std::size_t strip = std::min<std::size_t>(lanes<T>, 32 / sizeof(T));

#if HWY_TARGET != HWY_SCALAR

/// A vector whose block p is the block at rows[p * block<T>] + at.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_blocks(D d, const T* const* rows, std::size_t at) {
  if constexpr (hn::MaxLanes(D()) == block<T>) {
    return hn::LoadU(d, rows[0] + at);
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, load_blocks(half, rows + hn::MaxLanes(half), at), load_blocks(half, rows, at));
  }
}

/// Columns at .. at + block of so many rows, each column stored as one vector, `width` apart.
template <class T> HWY_INLINE void transpose_columns(const T* const* rows, std::size_t at, std::size_t width, T* to) {
  const hn::CappedTag<T, strip<T>> d;
  if constexpr (sizeof(T) == 4) {
    const auto r0 = load_blocks(d, rows, at), r1 = load_blocks(d, rows + 1, at);
    const auto r2 = load_blocks(d, rows + 2, at), r3 = load_blocks(d, rows + 3, at);
    const auto lower02 = hn::InterleaveLower(d, r0, r2), upper02 = hn::InterleaveUpper(d, r0, r2);
    const auto lower13 = hn::InterleaveLower(d, r1, r3), upper13 = hn::InterleaveUpper(d, r1, r3);
    hn::StoreU(hn::InterleaveLower(d, lower02, lower13), d, to);
    hn::StoreU(hn::InterleaveUpper(d, lower02, lower13), d, to + width);
    hn::StoreU(hn::InterleaveLower(d, upper02, upper13), d, to + 2 * width);
    hn::StoreU(hn::InterleaveUpper(d, upper02, upper13), d, to + 3 * width);
  } else {
    const auto r0 = load_blocks(d, rows, at), r1 = load_blocks(d, rows + 1, at);
    hn::StoreU(hn::InterleaveLower(d, r0, r1), d, to);
    hn::StoreU(hn::InterleaveUpper(d, r0, r1), d, to + width);
  }
}

#endif

/// Writes `columns` columns of B as `k` rows that lie `width` apart, up to the next whole strip. What follows the last
/// column within its strip are copies of it.
template <class T>
HWY_NOINLINE void pack(const T* b, std::ptrdiff_t b_row, std::ptrdiff_t b_col, std::size_t k, std::size_t columns,
                       std::size_t width, T* to) {
  for (std::size_t column = 0; column < columns; column += strip<T>, to += strip<T>) {
    const T* rows[strip<T>];  // of B transposed
    const T* next = b + static_cast<std::ptrdiff_t>(column) * b_col;
    for (std::size_t l = 0; l < strip<T>; ++l) {
      rows[l] = next;
      if (column + l + 1 < columns) next += b_col;
    }
    std::size_t j = 0;
#if HWY_TARGET != HWY_SCALAR
    if (b_row == 1) {
      for (; j + block<T> <= k; j += block<T>) transpose_columns(rows, j, width, to + j * width);
    }
#endif
    for (; j < k; ++j) {
      for (std::size_t l = 0; l < strip<T>; ++l) to[j * width + l] = rows[l][static_cast<std::ptrdiff_t>(j) * b_row];
    }
  }
}

#if HWY_TARGET != HWY_SCALAR
/// The sum of a vector's blocks.
template <class D> HWY_INLINE auto fold_blocks(D, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) == block<hn::TFromD<D>>) {
    return v;
  } else {
    const hn::Half<D> half;
    return fold_blocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}
#endif

/// sums[i] = the sum of v[i]'s lanes, for four of them; the order is the same for each.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void sum_lanes([[maybe_unused]] D d, const hn::Vec<D> (&v)[4], T* sums) {
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t i = 0; i < 4; ++i) sums[i] = hn::GetLane(v[i]);
#else
  const auto v01 = hn::Add(hn::InterleaveLower(d, v[0], v[1]), hn::InterleaveUpper(d, v[0], v[1]));
  const auto v23 = hn::Add(hn::InterleaveLower(d, v[2], v[3]), hn::InterleaveUpper(d, v[2], v[3]));
  const hn::CappedTag<T, block<T>> block_d;
  if constexpr (sizeof(T) == 4) {
    const hn::RepartitionToWide<D> wide;
    const auto w01 = hn::BitCast(wide, v01), w23 = hn::BitCast(wide, v23);
    const auto all = hn::Add(hn::BitCast(d, hn::InterleaveLower(wide, w01, w23)),
                             hn::BitCast(d, hn::InterleaveUpper(wide, w01, w23)));
    hn::StoreU(fold_blocks(d, all), block_d, sums);
  } else {
    hn::StoreU(fold_blocks(d, v01), block_d, sums);
    hn::StoreU(fold_blocks(d, v23), block_d, sums + 2);
  }
#endif
}

/// Column vector C: each element the dot product of a contiguous row of A and the contiguous B.
template <class T>
HWY_NOINLINE void dots(const ProductShape& s, const ProductPair<T>* pairs, std::size_t count, const T* bias, Into into,
                       T* c) {
  const hn::ScalableTag<T> d;
  const std::size_t whole = s.k / lanes<T> * lanes<T>, rest = s.k - whole;
  const auto mask = hn::FirstN(d, rest);
  for (std::size_t row = 0; row < s.m; row += 4) {
    hn::Vec<decltype(d)> sum[4];
    MAML_UNROLL for (std::size_t i = 0; i < 4; ++i) sum[i] = hn::Zero(d);
    std::ptrdiff_t at[4];  // rows past the end repeat the last
    for (std::size_t i = 0; i < 4; ++i) at[i] = static_cast<std::ptrdiff_t>(std::min(row + i, s.m - 1)) * s.a_row;
    for (std::size_t r = 0; r < count; ++r) {
      const T *const a = pairs[r].a, *const b = pairs[r].b;
      for (std::size_t j = 0; j < whole; j += lanes<T>) {
        const auto b_v = hn::LoadU(d, b + j);
        MAML_UNROLL for (std::size_t i = 0; i < 4; ++i) sum[i] = hn::MulAdd(hn::LoadU(d, a + at[i] + j), b_v, sum[i]);
      }
      if (rest == 0) continue;
      if constexpr (partial_loads) {
        const auto b_v = hn::MaskedLoad(mask, d, b + whole);
        MAML_UNROLL for (std::size_t i = 0; i < 4; ++i) {
          sum[i] = hn::MulAdd(hn::MaskedLoad(mask, d, a + at[i] + whole), b_v, sum[i]);
        }
      } else {
        const auto b_v = load_first(d, b + whole, rest);
        for (std::size_t i = 0; i < 4; ++i) sum[i] = hn::MulAdd(load_first(d, a + at[i] + whole, rest), b_v, sum[i]);
      }
    }
    T sums[4];
    sum_lanes(d, sum, sums);
    const T start = bias != nullptr ? *bias : T(0);
    for (std::size_t i = 0; i < std::min<std::size_t>(4, s.m - row); ++i) {
      T& out = c[static_cast<std::ptrdiff_t>(row + i) * s.c_row];
      out = (into == Into::accumulate ? out : start) + sums[i];
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
