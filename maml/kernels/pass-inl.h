// What a pass can do, once for values and once for tangents: code written over `Pass` is both the gradient and its
// directional derivative.

#if defined(MAML_KERNELS_PASS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_KERNELS_PASS_INL_H_
#undef MAML_KERNELS_PASS_INL_H_
#else
#define MAML_KERNELS_PASS_INL_H_
#endif

#include <algorithm>
#include <array>
#include <complex>
#include <cstddef>
#include <cstring>

#include "maml/kernels/gathered-inl.h"
#include "maml/kernels/lanes-inl.h"
#include "maml/kernels/pass.h"
#include "maml/kernels/product-inl.h"
#include "maml/kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {

/// The products of the scalar at hand: the fast ones, or the plain ones for complex numbers.
template <class T>
HWY_INLINE void scalar_product(const ProductShape& shape, const ProductPair<T>* pairs, std::size_t count, const T* bias,
                               Into into, T* c) {
  product(shape, pairs, count, bias, into, c);
}
template <class T>
HWY_INLINE void scalar_product(const ProductShape& shape, const ProductPair<std::complex<T>>* pairs, std::size_t count,
                               const std::complex<T>* bias, Into into, std::complex<T>* c) {
  reference_product(shape, pairs, count, bias, into, c);
}
template <class T>
HWY_INLINE void scalar_product(const RowsShape& shape, const ProductPair<T>* pairs, std::size_t count, const T* bias,
                               Into into, T* c) {
  rows_product(shape, pairs, count, bias, into, c);
}
template <class T>
HWY_INLINE void scalar_product(const RowsShape& shape, const ProductPair<std::complex<T>>* pairs, std::size_t count,
                               const std::complex<T>* bias, Into into, std::complex<T>* c) {
  reference_rows_product(shape, pairs, count, bias, into, c);
}
template <class T>
HWY_INLINE void scalar_product(const TermsShape& shape, const ProductPair<T>* pairs, std::size_t count, const T* bias,
                               Into into, T* c) {
  terms_product(shape, pairs, count, bias, into, c);
}
template <class T>
HWY_INLINE void scalar_product(const TermsShape& shape, const ProductPair<std::complex<T>>* pairs, std::size_t count,
                               const std::complex<T>* bias, Into into, std::complex<T>* c) {
  reference_terms_product(shape, pairs, count, bias, into, c);
}

/// to (n elements) += the sum of so many rows of n elements that lie one behind the other. Rows are added in runs of
/// 64, whose sums are then added: the error grows with neither.
template <class T> void add_row_sum(const T* from, std::size_t rows, std::size_t n, T* to) {
  using Lanes = typename LanesOf<T>::Type;
  using Number = typename Lanes::Number;
  constexpr std::size_t run = 64, wide = 4 * Lanes::width;
  for (std::size_t first = 0; first < rows; first += run) {
    const T* const begin = from + first * n;
    const std::size_t count = std::min(run, rows - first);
    std::size_t i = 0;
    for (; i + wide <= n; i += wide) {
      Number sum[4] = {Number::set(0), Number::set(0), Number::set(0), Number::set(0)};
      for (std::size_t r = 0; r < count; ++r)
        for (std::size_t v = 0; v < 4; ++v) sum[v] = sum[v] + Lanes::load(begin + r * n, Full{i + v * Lanes::width});
      for (std::size_t v = 0; v < 4; ++v) {
        const Full at{i + v * Lanes::width};
        Lanes::store(Lanes::load(to, at) + sum[v], to, at);
      }
    }
    const auto one = [&](auto at) HWY_ATTR {
      Number sum = Number::set(0);
      for (std::size_t r = 0; r < count; ++r) sum = sum + Lanes::load(begin + r * n, at);
      Lanes::store(Lanes::load(to, at) + sum, to, at);
    };
    for (; i + Lanes::width <= n; i += Lanes::width) one(Full{i});
    if (i < n) one(Part{i, n - i});
  }
}

/// Common to both passes. Blocks of lanes: `each(n, f)` calls f(Full) for whole registers and f(Part) for the rest.
template <class P> struct PassBase {
  using Scalar = typename P::Scalar;
  using Ref = typename P::Ref;
  using Lanes = typename LanesOf<Scalar>::Type;

  template <class F> static HWY_INLINE void each(std::size_t n, F f) {
    std::size_t i = 0;
    for (; i + Lanes::width <= n; i += Lanes::width) f(Full{i});
    if (i < n) f(Part{i, n - i});
  }

  /// The same blocks, up to kMost together: f(at, blocks), where at(b) is the b-th, b < blocks.
  template <std::size_t kMost, class F> static HWY_INLINE void each_group(std::size_t n, F f) {
    std::size_t i = 0;
    while (i + Lanes::width <= n) {
      const std::size_t blocks = std::min(kMost, (n - i) / Lanes::width);
      f([i](std::size_t b) { return Full{i + b * Lanes::width}; }, blocks);
      i += blocks * Lanes::width;
    }
    if (i < n) f([i, n](std::size_t) { return Part{i, n - i}; }, std::size_t{1});
  }
};

template <class P> struct Pass;

template <class T> struct Pass<Value<T>> : PassBase<Value<T>> {
  using Base = PassBase<Value<T>>;
  using typename Base::Lanes;
  using typename Base::Ref;
  using Number = typename Lanes::Number;  ///< a register's worth
  using One = Single<T>;                  ///< one element

  template <class At> static HWY_INLINE Number load(Ref from, At at) { return Lanes::load(from.value, at); }
  template <class At> static HWY_INLINE void store(Ref to, At at, Number x) { Lanes::store(x, to.value, at); }
  template <class At> static HWY_INLINE One sum(Number x, At at) { return Lanes::sum(x, at); }
  static HWY_INLINE Number broadcast(One x) { return Lanes::broadcast(x); }
  static HWY_INLINE One load_one(Ref from, std::size_t i) { return {from.value[i]}; }
  static HWY_INLINE void store_one(Ref to, std::size_t i, One x) { to.value[i] = x.raw; }
  /// Constants: data that never have a tangent.
  template <class At> static HWY_INLINE Number load_constant(const T* from, At at) { return Lanes::load(from, at); }
  static HWY_INLINE One constant(T x) { return {x}; }
  static void zero(Ref to, std::size_t n) { std::fill_n(to.value, n, T(0)); }

  /// A pair of operands of a batch-reduce product.
  struct Pair {
    Ref a, b;
  };
  /// C (+)= sum_r A_r B_r, of the shape's kind (product.h, gathered.h); bias may be null.
  template <class AnyShape, std::size_t N>
  static void product(const AnyShape& shape, const std::array<Pair, N>& pairs, std::size_t count, Ref bias, Into into,
                      Ref c) {
    std::array<ProductPair<T>, N> list;
    for (std::size_t r = 0; r < count; ++r) list[r] = {pairs[r].a.value, pairs[r].b.value};
    scalar_product(shape, list.data(), count, static_cast<const T*>(bias.value), into, c.value);
  }

  /// to = from (rows x columns) transposed.
  static void transpose(Ref from, std::size_t rows, std::size_t columns, Ref to) {
    HWY_NAMESPACE::transpose<T>(from.value, rows, columns, to.value);
  }
  /// to += the sum of so many rows of n elements.
  static void add_row_sum(Ref from, std::size_t rows, std::size_t n, Ref to) {
    HWY_NAMESPACE::add_row_sum<T>(from.value, rows, n, to.value);
  }
  /// `derived`, which is a linear function of `source`: without tangent where that has none.
  static Ref derived_from(Ref derived, Ref) { return derived; }
};

template <class T> struct Pass<Tangent<T>> : PassBase<Tangent<T>> {
  using Base = PassBase<Tangent<T>>;
  using typename Base::Lanes;
  using typename Base::Ref;
  using Number = Dual<typename Lanes::Number>;
  using One = Dual<Single<T>>;

  template <class At> static HWY_INLINE Number load(Ref from, At at) {
    using Plain = typename Lanes::Number;
    return {from.value ? Lanes::load(from.value, at) : Plain::set(0),
            from.tangent ? Lanes::load(from.tangent, at) : Plain::set(0)};
  }
  template <class At> static HWY_INLINE void store(Ref to, At at, Number x) { Lanes::store(x.d, to.tangent, at); }
  template <class At> static HWY_INLINE One sum(Number x, At at) { return {Lanes::sum(x.v, at), Lanes::sum(x.d, at)}; }
  static HWY_INLINE Number broadcast(One x) { return {Lanes::broadcast(x.v), Lanes::broadcast(x.d)}; }
  static HWY_INLINE One load_one(Ref from, std::size_t i) {
    return {{from.value ? from.value[i] : T(0)}, {from.tangent ? from.tangent[i] : T(0)}};
  }
  static HWY_INLINE void store_one(Ref to, std::size_t i, One x) { to.tangent[i] = x.d.raw; }
  template <class At> static HWY_INLINE Number load_constant(const T* from, At at) {
    return {Lanes::load(from, at), Lanes::Number::set(0)};
  }
  static HWY_INLINE One constant(T x) { return {{x}, {T(0)}}; }
  static void zero(Ref to, std::size_t n) { std::fill_n(to.tangent, n, T(0)); }

  struct Pair {
    Ref a, b;
  };
  /// The tangent of the product: the same call over a list twice as long. A null tangent is zero and drops out.
  template <class AnyShape, std::size_t N>
  static void product(const AnyShape& shape, const std::array<Pair, N>& pairs, std::size_t count, Ref bias, Into into,
                      Ref c) {
    std::array<ProductPair<T>, 2 * N> list;
    std::size_t terms = 0;
    for (std::size_t r = 0; r < count; ++r) {
      if (pairs[r].a.tangent) list[terms++] = {pairs[r].a.tangent, pairs[r].b.value};
      if (pairs[r].b.tangent) list[terms++] = {pairs[r].a.value, pairs[r].b.tangent};
    }
    scalar_product(shape, list.data(), terms, static_cast<const T*>(bias.tangent), into, c.tangent);
  }

  static void transpose(Ref from, std::size_t rows, std::size_t columns, Ref to) {
    if (from.tangent) HWY_NAMESPACE::transpose<T>(from.tangent, rows, columns, to.tangent);
  }
  static void add_row_sum(Ref from, std::size_t rows, std::size_t n, Ref to) {
    if (from.tangent) HWY_NAMESPACE::add_row_sum<T>(from.tangent, rows, n, to.tangent);
  }
  static Ref derived_from(Ref derived, Ref source) {
    return {derived.value, source.tangent ? derived.tangent : nullptr};
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
