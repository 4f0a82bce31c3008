// The product over tiles and packed panels, for one scalar type; product.cpp makes the functions of product.h of it.
//
// Where MAML_FEW_TILES is defined, as in the small library of embed/, fewer functions are compiled: an element's sum
// has the same terms in the same order whatever tile it lies in, so the bits are the same, and only the pace may
// differ.

#if defined(MAML_KERNELS_PRODUCT_DRIVER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_KERNELS_PRODUCT_DRIVER_INL_H_
#undef MAML_KERNELS_PRODUCT_DRIVER_INL_H_
#else
#define MAML_KERNELS_PRODUCT_DRIVER_INL_H_
#endif

#include "maml/kernels/product_pack-inl.h"
#include "maml/kernels/product_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {
namespace {

template <class T> struct Call {
  ProductShape shape;
  const ProductPair<T>* pairs;
  std::size_t count;
  const T* bias;
  std::ptrdiff_t bias_col;
  Into into;
  T* c;
  const T* ProductPair<T>::*a;
  const T* ProductPair<T>::*b;
};

#ifdef MAML_FEW_TILES

constexpr std::size_t packed_bytes = 8192;  // the caller's stack may be small

/// Rows from `row` on in tiles of kRows and, for what is left, of half as many, and so on.
template <class T, std::size_t kVectors, Tail kTail, std::size_t kRows>
void falling_tiles(const Panel<T>& panel, std::size_t row, std::size_t m) {
  const std::size_t blocks = (m - row) / kRows;
  if (blocks > 0) tiles<T, kRows, kVectors, kTail>(panel, row, blocks);
  if constexpr (kRows > 1) falling_tiles<T, kVectors, kTail, kRows / 2>(panel, row + blocks * kRows, m);
}

/// Panels are two whole vectors, or one of which there may be a part.
template <class T> std::size_t panel_vectors(std::size_t, std::size_t columns) {
  return columns >= 2 * lanes<T> ? 2 : 1;
}

template <class T> void compute_panel(const Panel<T>& panel, std::size_t m, std::size_t vectors, bool) {
  if (vectors == 2) return falling_tiles<T, 2, Tail::whole, most_rows(2)>(panel, 0, m);
  falling_tiles<T, 1, partial_loads ? Tail::masked : Tail::whole, 6>(panel, 0, m);
}

#else

constexpr std::size_t packed_bytes = 16384;

/// Vectors of the next panel where so many columns are left: narrow panels let tiles be tall, but none should be left
/// alone.
template <class T> std::size_t panel_vectors(std::size_t m, std::size_t columns) {
  const std::size_t left = (columns + lanes<T> - 1) / lanes<T>;
  if (left <= 3) return left;
  if (m <= 2 || (many_registers && m <= 6)) return most_vectors;
  return left % 2 == 0 ? 2 : 3;
}

template <class T> void compute_panel(const Panel<T>& panel, std::size_t m, std::size_t vectors, bool padded) {
  panel_of(panel, m, vectors, padded);
}

#endif

template <class T> Panel<T> first_panel(const Call<T>& call) {
  const ProductShape& s = call.shape;
  return {call.pairs, call.count, call.a,  call.b, 0,         s.k,           s.a_row,
          s.a_col,    s.b_row,    s.c_row, call.c, call.bias, call.bias_col, call.into == Into::accumulate,
          lanes<T>};
}

/// Moves C and the bias (not B) of `panel` by so many columns.
template <class T> void move_columns(Panel<T>& panel, std::size_t columns) {
  panel.c += columns;
  if (panel.bias != nullptr) panel.bias += static_cast<std::ptrdiff_t>(columns) * panel.bias_col;
}

/// Columns `from` .. n of C, B's rows packed into vectors first. Sums run over pairs and k in the same order as
/// without.
template <class T> HWY_NOINLINE void packed_columns(const Call<T>& call, std::size_t from) {
  constexpr std::size_t scratch = packed_bytes / sizeof(T), most_pairs = 16;
  HWY_ALIGN T packed[scratch];
  ProductPair<T> pairs[most_pairs];

  const ProductShape& s = call.shape;
  Panel<T> panel = first_panel(call);
  panel.pairs = pairs;
  move_columns(panel, from);
  for (std::size_t column = from; column < s.n;) {
    const std::size_t vectors = panel_vectors<T>(s.m, s.n - column);
    const std::size_t width = vectors * lanes<T>, columns = std::min(width, s.n - column);
    panel.last_lanes = columns - (vectors - 1) * lanes<T>;
    panel.b_row = static_cast<std::ptrdiff_t>(width);
    panel.accumulate = call.into == Into::accumulate;
    const std::size_t deepest = scratch / width;
    const std::size_t group = std::min(most_pairs, s.k >= deepest ? 1 : deepest / std::max<std::size_t>(1, s.k));
    std::size_t r = 0;
    do {
      const std::size_t depth_end = s.k;
      std::size_t j = 0;
      panel.count = std::min(group, call.count - r);
      do {
        panel.k = std::min(deepest, depth_end - j);
        for (std::size_t q = 0; q < panel.count; ++q) {
          T* const to = packed + q * panel.k * width;
          pairs[q].*call.a = call.pairs[r + q].*call.a + static_cast<std::ptrdiff_t>(j) * s.a_col;
          pairs[q].*call.b = to;
          pack(call.pairs[r + q].*call.b + static_cast<std::ptrdiff_t>(j) * s.b_row +
                   static_cast<std::ptrdiff_t>(column) * s.b_col,
               s.b_row, s.b_col, panel.k, columns, width, to);
        }
        compute_panel(panel, s.m, vectors, true);
        panel.accumulate = true;
        j += panel.k;
      } while (j < depth_end);
      r += panel.count;
    } while (r < call.count);
    move_columns(panel, width);
    column += columns;
  }
}

/// B's rows are contiguous.
template <class T> void outer(const Call<T>& call) {
  const ProductShape& s = call.shape;
  Panel<T> panel = first_panel(call);
  for (std::size_t column = 0; column < s.n;) {
    const std::size_t vectors = panel_vectors<T>(s.m, s.n - column);
    const std::size_t width = vectors * lanes<T>, columns = std::min(width, s.n - column);
    if (!partial_loads && columns < width) return packed_columns(call, column);
    panel.last_lanes = columns - (vectors - 1) * lanes<T>;
    compute_panel(panel, s.m, vectors, false);
    move_columns(panel, width);
    panel.b_offset += static_cast<std::ptrdiff_t>(width);
    column += columns;
  }
}

template <class T>
void product_of(const ProductShape& shape, const ProductPair<T>* pairs, std::size_t count, const T* bias, Into into,
                T* c) {
  if (shape.m == 0 || shape.n == 0) return;
  Call<T> call{shape,
               pairs,
               count,
               into == Into::overwrite ? bias : nullptr,
               1,
               into,
               c,
               &ProductPair<T>::a,
               &ProductPair<T>::b};
  ProductShape& s = call.shape;
  if (s.n == 1) {
    s.b_col = 1;
    if (s.a_row != 1 && s.a_col == 1 && s.b_row == 1) return dots(s, pairs, count, call.bias, into, c);
    if (s.a_row == 1 && (s.c_row == 1 || s.m == 1)) {  // C is a row: the transposed product
      s = {1, s.m, s.k, 0, s.b_row, s.a_col, 1, 0};
      std::swap(call.a, call.b);
      call.bias_col = 0;
    }
  }
  if (s.b_col == 1) return outer(call);
  packed_columns(call, 0);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
