#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/kernels/product.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "maml/kernels/product-inl.h"
#include "maml/kernels/product_driver-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {

void product(const ProductShape& shape, const ProductPair<float>* pairs, std::size_t count, const float* bias,
             Into into, float* c) {
  product_of(shape, pairs, count, bias, into, c);
}

void product(const ProductShape& shape, const ProductPair<double>* pairs, std::size_t count, const double* bias,
             Into into, double* c) {
  product_of(shape, pairs, count, bias, into, c);
}

// One name per scalar, as dispatch tables need.
void product_float(const ProductShape& shape, const ProductPair<float>* pairs, std::size_t count, const float* bias,
                   Into into, float* c) {
  product_of(shape, pairs, count, bias, into, c);
}

void product_double(const ProductShape& shape, const ProductPair<double>* pairs, std::size_t count, const double* bias,
                    Into into, double* c) {
  product_of(shape, pairs, count, bias, into, c);
}

}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {

HWY_EXPORT(product_float);
HWY_EXPORT(product_double);

template <class T>
void product(const ProductShape& shape, const ProductPair<T>* pairs, std::size_t count,
             const std::type_identity_t<T>* bias, Into into, std::type_identity_t<T>* c) {
  if constexpr (std::is_same_v<T, float>) {
    HWY_DYNAMIC_DISPATCH(product_float)(shape, pairs, count, bias, into, c);
  } else {
    HWY_DYNAMIC_DISPATCH(product_double)(shape, pairs, count, bias, into, c);
  }
}

template void product(const ProductShape&, const ProductPair<float>*, std::size_t, const float*, Into, float*);
template void product(const ProductShape&, const ProductPair<double>*, std::size_t, const double*, Into, double*);

}  // namespace maml
#endif  // HWY_ONCE
