#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "maml/kernels/product.h"

namespace maml {

// Batch-reduce products (product.h) whose rows, or whose terms, lie where a list says: convolutions, whose pixels at a
// tap are no matrix of constant strides (docs/design.md, convolutions). Columns are adjacent in every operand.

/// Where a row begins: elements from the start of every A_r, and from the start of C.
struct RowPlace {
  std::int32_t a, c;
};

/// Row i of C, at c + rows[i].c, (+)= sum_r sum_j A_r[rows[i].a + j] * (row j of B_r, at b + j * b_row).
/// m rows, n columns, j < k.
struct RowsShape {
  const RowPlace* rows;
  std::size_t m, n, k;
  std::ptrdiff_t b_row;
};

/// Where a term's two factors begin: elements from the start of every A_r and B_r.
struct TermPlace {
  std::int32_t a, b;
};

/// Row i of C, at c + rows[i].c, (+)= sum_r sum_j A_r[rows[i].a + terms[j].a] * (row at B_r + terms[j].b).
/// m rows, n columns, j < k.
struct TermsShape {
  const RowPlace* rows;
  const TermPlace* terms;
  std::size_t m, n, k;
};

/// On the active instruction set. Rules of `product` hold: order of sums (start value, then r, then j, rising, each
/// fused), bias only with `Into::overwrite`, nothing is allocated, nothing touched outside the operands' elements.
/// Rows of C do not overlap.
template <class T>
void rows_product(const RowsShape& shape, const ProductPair<T>* pairs, std::size_t count,
                  const std::type_identity_t<T>* bias, Into into, std::type_identity_t<T>* c);
template <class T>
void terms_product(const TermsShape& shape, const ProductPair<T>* pairs, std::size_t count,
                   const std::type_identity_t<T>* bias, Into into, std::type_identity_t<T>* c);

extern template void rows_product(const RowsShape&, const ProductPair<float>*, std::size_t, const float*, Into, float*);
extern template void rows_product(const RowsShape&, const ProductPair<double>*, std::size_t, const double*, Into,
                                  double*);
extern template void terms_product(const TermsShape&, const ProductPair<float>*, std::size_t, const float*, Into,
                                   float*);
extern template void terms_product(const TermsShape&, const ProductPair<double>*, std::size_t, const double*, Into,
                                   double*);

/// The same in plain loops, for any T with + and *: what the fast ones are tested against.
template <class T>
void reference_rows_product(const RowsShape& shape, const ProductPair<T>* pairs, std::size_t count,
                            const std::type_identity_t<T>* bias, Into into, std::type_identity_t<T>* c) {
  for (std::size_t i = 0; i < shape.m; ++i) {
    for (std::size_t l = 0; l < shape.n; ++l) {
      T& out = c[shape.rows[i].c + static_cast<std::ptrdiff_t>(l)];
      T sum = into == Into::accumulate ? out : bias != nullptr ? bias[l] : T(0);
      for (std::size_t r = 0; r < count; ++r)
        for (std::size_t j = 0; j < shape.k; ++j)
          sum = sum + pairs[r].a[shape.rows[i].a + static_cast<std::ptrdiff_t>(j)] *
                          pairs[r].b[static_cast<std::ptrdiff_t>(j) * shape.b_row + static_cast<std::ptrdiff_t>(l)];
      out = sum;
    }
  }
}
template <class T>
void reference_terms_product(const TermsShape& shape, const ProductPair<T>* pairs, std::size_t count,
                             const std::type_identity_t<T>* bias, Into into, std::type_identity_t<T>* c) {
  for (std::size_t i = 0; i < shape.m; ++i) {
    for (std::size_t l = 0; l < shape.n; ++l) {
      T& out = c[shape.rows[i].c + static_cast<std::ptrdiff_t>(l)];
      T sum = into == Into::accumulate ? out : bias != nullptr ? bias[l] : T(0);
      for (std::size_t r = 0; r < count; ++r)
        for (std::size_t j = 0; j < shape.k; ++j)
          sum = sum + pairs[r].a[std::ptrdiff_t{shape.rows[i].a} + shape.terms[j].a] *
                          pairs[r].b[shape.terms[j].b + static_cast<std::ptrdiff_t>(l)];
      out = sum;
    }
  }
}

}  // namespace maml
