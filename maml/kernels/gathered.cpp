#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/kernels/gathered.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "maml/kernels/gathered-inl.h"
#include "maml/kernels/gathered_driver-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {

void rows_product(const RowsShape& shape, const ProductPair<float>* pairs, std::size_t count, const float* bias,
                  Into into, float* c) {
  rows_product_of(shape, pairs, count, bias, into, c);
}
void rows_product(const RowsShape& shape, const ProductPair<double>* pairs, std::size_t count, const double* bias,
                  Into into, double* c) {
  rows_product_of(shape, pairs, count, bias, into, c);
}
void terms_product(const TermsShape& shape, const ProductPair<float>* pairs, std::size_t count, const float* bias,
                   Into into, float* c) {
  terms_product_of(shape, pairs, count, bias, into, c);
}
void terms_product(const TermsShape& shape, const ProductPair<double>* pairs, std::size_t count, const double* bias,
                   Into into, double* c) {
  terms_product_of(shape, pairs, count, bias, into, c);
}

// One name per scalar, as dispatch tables need.
void rows_product_float(const RowsShape& shape, const ProductPair<float>* pairs, std::size_t count, const float* bias,
                        Into into, float* c) {
  rows_product_of(shape, pairs, count, bias, into, c);
}
void rows_product_double(const RowsShape& shape, const ProductPair<double>* pairs, std::size_t count,
                         const double* bias, Into into, double* c) {
  rows_product_of(shape, pairs, count, bias, into, c);
}
void terms_product_float(const TermsShape& shape, const ProductPair<float>* pairs, std::size_t count, const float* bias,
                         Into into, float* c) {
  terms_product_of(shape, pairs, count, bias, into, c);
}
void terms_product_double(const TermsShape& shape, const ProductPair<double>* pairs, std::size_t count,
                          const double* bias, Into into, double* c) {
  terms_product_of(shape, pairs, count, bias, into, c);
}

}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {

HWY_EXPORT(rows_product_float);
HWY_EXPORT(rows_product_double);
HWY_EXPORT(terms_product_float);
HWY_EXPORT(terms_product_double);

template <class T>
void rows_product(const RowsShape& shape, const ProductPair<T>* pairs, std::size_t count,
                  const std::type_identity_t<T>* bias, Into into, std::type_identity_t<T>* c) {
  if constexpr (std::is_same_v<T, float>) {
    HWY_DYNAMIC_DISPATCH(rows_product_float)(shape, pairs, count, bias, into, c);
  } else {
    HWY_DYNAMIC_DISPATCH(rows_product_double)(shape, pairs, count, bias, into, c);
  }
}

template <class T>
void terms_product(const TermsShape& shape, const ProductPair<T>* pairs, std::size_t count,
                   const std::type_identity_t<T>* bias, Into into, std::type_identity_t<T>* c) {
  if constexpr (std::is_same_v<T, float>) {
    HWY_DYNAMIC_DISPATCH(terms_product_float)(shape, pairs, count, bias, into, c);
  } else {
    HWY_DYNAMIC_DISPATCH(terms_product_double)(shape, pairs, count, bias, into, c);
  }
}

template void rows_product(const RowsShape&, const ProductPair<float>*, std::size_t, const float*, Into, float*);
template void rows_product(const RowsShape&, const ProductPair<double>*, std::size_t, const double*, Into, double*);
template void terms_product(const TermsShape&, const ProductPair<float>*, std::size_t, const float*, Into, float*);
template void terms_product(const TermsShape&, const ProductPair<double>*, std::size_t, const double*, Into, double*);

}  // namespace maml
#endif  // HWY_ONCE
