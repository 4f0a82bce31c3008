#pragma once

#include <cstddef>
#include <type_traits>

namespace maml {

/// One pair of a batch-reduce product.
template <class T> struct ProductPair {
  const T* a;
  const T* b;
};

/// The shape of C (+)= sum_r A_r B_r with A_r: m x k, B_r: k x n, C: m x n. All pairs share the strides, which count
/// elements and may have any sign. The columns of C are adjacent. A size may be zero; the stride of a dimension of size
/// one is not read, unless it chooses between forms of the same speed.
struct ProductShape {
  std::size_t m, n, k;
  std::ptrdiff_t a_row, a_col, b_row, b_col, c_row;
};

enum class Into { overwrite, accumulate };

/// C (+)= sum_r A_r B_r on the active instruction set. `bias`: n values that every row of C starts from, or null; only
/// with `Into::overwrite`. C overlaps no operand. Allocates nothing; touches nothing outside the logical matrices.
///
/// An element of C is the start value (bias, zero, or C itself) plus a_ij b_jl over r, then over j, rising, one fused
/// multiply-add after the other. So it depends on no other row or column, nor on alignment, threads, m or n, and is the
/// same on every instruction set with FMA. One exception: where n = 1, a_col = 1, b_row = 1 and a_row is not 1 (dot
/// products of contiguous vectors), the sum runs in one partial sum per vector lane, joined in a fixed order.
///
/// (float and double. A template, so that the unqualified call in code compiled per instruction set prefers the
/// function of that set, see product-inl.h.)
template <class T>
void product(const ProductShape& shape, const ProductPair<T>* pairs, std::size_t count,
             const std::type_identity_t<T>* bias, Into into, std::type_identity_t<T>* c);

extern template void product(const ProductShape&, const ProductPair<float>*, std::size_t, const float*, Into, float*);
extern template void product(const ProductShape&, const ProductPair<double>*, std::size_t, const double*, Into,
                             double*);

/// The same in plain loops, for any T with + and *: what the fast one is tested against.
template <class T>
void reference_product(const ProductShape& shape, const ProductPair<T>* pairs, std::size_t count,
                       const std::type_identity_t<T>* bias, Into into, std::type_identity_t<T>* c) {
  const auto at = [](std::size_t i, std::ptrdiff_t stride) { return static_cast<std::ptrdiff_t>(i) * stride; };
  for (std::size_t i = 0; i < shape.m; ++i) {
    for (std::size_t l = 0; l < shape.n; ++l) {
      T& out = c[at(i, shape.c_row) + static_cast<std::ptrdiff_t>(l)];
      T sum = into == Into::accumulate ? out : bias != nullptr ? bias[l] : T(0);
      for (std::size_t r = 0; r < count; ++r) {
        for (std::size_t j = 0; j < shape.k; ++j) {
          sum = sum + pairs[r].a[at(i, shape.a_row) + at(j, shape.a_col)] *
                          pairs[r].b[at(j, shape.b_row) + at(l, shape.b_col)];
        }
      }
      out = sum;
    }
  }
}

}  // namespace maml
