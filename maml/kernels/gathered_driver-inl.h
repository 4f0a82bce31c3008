// Gathered products over tiles, for one scalar type; gathered.cpp makes the functions of gathered.h of it. Of
// MAML_FEW_TILES see product_driver-inl.h.

#if defined(MAML_KERNELS_GATHERED_DRIVER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_KERNELS_GATHERED_DRIVER_INL_H_
#undef MAML_KERNELS_GATHERED_DRIVER_INL_H_
#else
#define MAML_KERNELS_GATHERED_DRIVER_INL_H_
#endif

#include "maml/kernels/gathered.h"
#include "maml/kernels/product_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {
namespace {

/// What the tiles of one panel of C share.
template <class T> struct Gathered {
  const ProductPair<T>* pairs;
  std::size_t count;
  const RowPlace* rows;
  const TermPlace* terms;  // null: term j is j elements further in A, and j * b_row in B
  std::size_t k;
  std::ptrdiff_t b_row;
  std::ptrdiff_t column;  // the panel's first
  T* c;                   // likewise
  const T* bias;          // likewise, or null
  bool accumulate;
  std::size_t last_lanes;  // of the panel's last vector inside the matrix, 1 .. lanes
};

/// `blocks` tiles of kRows x kVectors from `row` down.
template <class T, bool kTerms, std::size_t kRows, std::size_t kVectors, Tail kTail>
HWY_NOINLINE void gathered_tiles(const Gathered<T>& shared, std::size_t row, std::size_t blocks) {
  const Gathered<T> panel = shared;  // a copy, which stores of results cannot be thought to change
  const hn::ScalableTag<T> d;
  using Vector = hn::Vec<decltype(d)>;
  constexpr std::size_t whole = kVectors - 1;
  const auto mask = hn::FirstN(d, panel.last_lanes);

  for (; blocks > 0; --blocks, row += kRows) {
    Vector sum[kRows][std::max<std::size_t>(1, whole)];
    Vector last[kRows];
    const RowPlace* const places = panel.rows + row;
    std::ptrdiff_t a_at[kRows];
    MAML_UNROLL for (std::size_t i = 0; i < kRows; ++i) a_at[i] = places[i].a;
    if (panel.accumulate) {
      MAML_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
        const T* const c = panel.c + places[i].c;
        MAML_UNROLL for (std::size_t v = 0; v < whole; ++v) sum[i][v] = hn::LoadU(d, c + v * lanes<T>);
        last[i] = load_first(d, c + whole * lanes<T>, panel.last_lanes);
      }
    } else if (panel.bias != nullptr) {
      MAML_UNROLL for (std::size_t v = 0; v < whole; ++v) {
        const Vector start = hn::LoadU(d, panel.bias + v * lanes<T>);
        MAML_UNROLL for (std::size_t i = 0; i < kRows; ++i) sum[i][v] = start;
      }
      const Vector start = load_first(d, panel.bias + whole * lanes<T>, panel.last_lanes);
      MAML_UNROLL for (std::size_t i = 0; i < kRows; ++i) last[i] = start;
    } else {
      MAML_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
        MAML_UNROLL for (std::size_t v = 0; v < whole; ++v) sum[i][v] = hn::Zero(d);
        last[i] = hn::Zero(d);
      }
    }

    const auto add = [&](const T* a, const T* b) HWY_ATTR {
      Vector b_v[std::max<std::size_t>(1, whole)];
      MAML_UNROLL for (std::size_t v = 0; v < whole; ++v) b_v[v] = hn::LoadU(d, b + v * lanes<T>);
      Vector b_last;
      if constexpr (kTail == Tail::whole) {
        b_last = hn::LoadU(d, b + whole * lanes<T>);
      } else if constexpr (partial_loads) {
        b_last = hn::MaskedLoad(mask, d, b + whole * lanes<T>);
      } else {
        b_last = load_first(d, b + whole * lanes<T>, panel.last_lanes);
      }
      MAML_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
        const Vector a_v = hn::Set(d, a[a_at[i]]);
        MAML_UNROLL for (std::size_t v = 0; v < whole; ++v) sum[i][v] = hn::MulAdd(a_v, b_v[v], sum[i][v]);
        last[i] = hn::MulAdd(a_v, b_last, last[i]);
      }
    };
    for (std::size_t r = 0; r < panel.count; ++r) {
      const T *a = panel.pairs[r].a, *b = panel.pairs[r].b + panel.column;
      if constexpr (kTerms) {
        for (std::size_t j = 0; j < panel.k; ++j) add(a + panel.terms[j].a, b + panel.terms[j].b);
      } else {
        for (std::size_t j = 0; j < panel.k; ++j, ++a, b += panel.b_row) add(a, b);
      }
    }

    MAML_UNROLL for (std::size_t i = 0; i < kRows; ++i) {
      T* const c = panel.c + places[i].c;
      MAML_UNROLL for (std::size_t v = 0; v < whole; ++v) hn::StoreU(sum[i][v], d, c + v * lanes<T>);
      if constexpr (kTail == Tail::whole && lanes < T >> 1) {
        hn::StoreU(last[i], d, c + whole * lanes<T>);
      } else {
        store_first(d, last[i], c + whole * lanes<T>, panel.last_lanes);
      }
    }
  }
}

/// Tiles are many functions to compile, so the instruction sets that nobody waits for have few.
constexpr bool wide_tiles = HWY_TARGET == HWY_AVX2 || many_registers;
constexpr std::size_t most_gathered_rows(std::size_t vectors) {
  return wide_tiles ? most_rows(vectors) : 4;
}

#ifdef MAML_FEW_TILES

/// As falling_tiles.
template <class T, bool kTerms, std::size_t kVectors, Tail kTail, std::size_t kRows>
void falling_gathered(const Gathered<T>& panel, std::size_t row, std::size_t m) {
  const std::size_t blocks = (m - row) / kRows;
  if (blocks > 0) gathered_tiles<T, kTerms, kRows, kVectors, kTail>(panel, row, blocks);
  if constexpr (kRows > 1) falling_gathered<T, kTerms, kVectors, kTail, kRows / 2>(panel, row + blocks * kRows, m);
}

template <class T> std::size_t gathered_vectors(std::size_t, std::size_t columns) {
  return wide_tiles && columns >= 2 * lanes<T> ? 2 : 1;
}

template <class T, bool kTerms>
void compute_gathered(const Gathered<T>& panel, std::size_t m, [[maybe_unused]] std::size_t vectors) {
  if constexpr (wide_tiles) {
    if (vectors == 2) return falling_gathered<T, kTerms, 2, Tail::whole, most_gathered_rows(2)>(panel, 0, m);
  }
  constexpr std::size_t most = std::min<std::size_t>(6, most_gathered_rows(1));
  falling_gathered<T, kTerms, 1, lanes<T> == 1 ? Tail::whole : Tail::masked, most>(panel, 0, m);
}

#else

template <class T> using GatheredTiles = void (*)(const Gathered<T>&, std::size_t, std::size_t);

template <class T, bool kTerms, std::size_t kVectors, Tail kTail, std::size_t... kRows>
constexpr GatheredTiles<T> gathered_tiles_of(std::size_t rows, std::index_sequence<kRows...>) {
  constexpr GatheredTiles<T> table[] = {&gathered_tiles<T, kTerms, kRows + 1, kVectors, kTail>...};
  return table[rows - 1];
}

/// The rows of a panel in as few tiles as the registers allow, as even as they come.
template <class T, bool kTerms, std::size_t kVectors, Tail kTail>
void gathered_panel(const Gathered<T>& panel, std::size_t m) {
  constexpr std::size_t most = most_gathered_rows(kVectors);
  const std::size_t blocks = (m + most - 1) / most;
  const std::size_t rows = m / blocks, taller = m % blocks;
  using Sizes = std::make_index_sequence<most>;
  if (taller > 0) gathered_tiles_of<T, kTerms, kVectors, kTail>(rows + 1, Sizes{})(panel, 0, taller);
  gathered_tiles_of<T, kTerms, kVectors, kTail>(rows, Sizes{})(panel, taller * (rows + 1), blocks - taller);
}

template <class T, bool kTerms, Tail kTail>
void gathered_panel(const Gathered<T>& panel, std::size_t m, std::size_t vectors) {
  if constexpr (wide_tiles) {
    if (vectors == 3) return gathered_panel<T, kTerms, 3, kTail>(panel, m);
    if (vectors == 2) return gathered_panel<T, kTerms, 2, kTail>(panel, m);
  }
  gathered_panel<T, kTerms, 1, kTail>(panel, m);
}

/// Vectors of the next panel where so many columns are left.
template <class T> std::size_t gathered_vectors(std::size_t m, std::size_t columns) {
  const std::size_t left = (columns + lanes<T> - 1) / lanes<T>;
  return !wide_tiles ? 1 : left <= 3 ? left : m > 3 && left % 2 == 0 ? 2 : 3;
}

template <class T, bool kTerms> void compute_gathered(const Gathered<T>& panel, std::size_t m, std::size_t vectors) {
  if constexpr (lanes < T >> 1) {
    if (panel.last_lanes < lanes<T>) return gathered_panel<T, kTerms, Tail::masked>(panel, m, vectors);
  }
  gathered_panel<T, kTerms, Tail::whole>(panel, m, vectors);
}

#endif

template <class T, bool kTerms> void gathered(Gathered<T> panel, std::size_t m, std::size_t n) {
  if (m == 0) return;
  for (std::size_t column = 0; column < n;) {
    const std::size_t vectors = gathered_vectors<T>(m, n - column);
    const std::size_t width = vectors * lanes<T>, columns = std::min(width, n - column);
    panel.last_lanes = columns - (vectors - 1) * lanes<T>;
    compute_gathered<T, kTerms>(panel, m, vectors);
    panel.c += width;
    panel.column += static_cast<std::ptrdiff_t>(width);
    if (panel.bias != nullptr) panel.bias += width;
    column += columns;
  }
}

template <class T>
void rows_product_of(const RowsShape& s, const ProductPair<T>* pairs, std::size_t count, const T* bias, Into into,
                     T* c) {
  const bool accumulate = into == Into::accumulate;
  gathered<T, false>(
      {pairs, count, s.rows, nullptr, s.k, s.b_row, 0, c, accumulate ? nullptr : bias, accumulate, lanes<T>}, s.m, s.n);
}

template <class T>
void terms_product_of(const TermsShape& s, const ProductPair<T>* pairs, std::size_t count, const T* bias, Into into,
                      T* c) {
  const bool accumulate = into == Into::accumulate;
  gathered<T, true>({pairs, count, s.rows, s.terms, s.k, 0, 0, c, accumulate ? nullptr : bias, accumulate, lanes<T>},
                    s.m, s.n);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
