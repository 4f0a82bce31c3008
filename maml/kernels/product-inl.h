// For code compiled once per instruction set: that set's own product, called without dispatch. Contract in product.h.

#if defined(MAML_KERNELS_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_KERNELS_PRODUCT_INL_H_
#undef MAML_KERNELS_PRODUCT_INL_H_
#else
#define MAML_KERNELS_PRODUCT_INL_H_
#endif

#include <hwy/highway.h>

#include "maml/kernels/product.h"

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {

void product(const ProductShape& shape, const ProductPair<float>* pairs, std::size_t count, const float* bias,
             Into into, float* c);
void product(const ProductShape& shape, const ProductPair<double>* pairs, std::size_t count, const double* bias,
             Into into, double* c);

}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
