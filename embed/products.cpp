#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "embed/products.cpp"
#include "embed/targets.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "maml/kernels/gathered-inl.h"
#include "maml/kernels/gathered_driver-inl.h"
#include "maml/kernels/product-inl.h"
#include "maml/kernels/product_driver-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {

void product(const ProductShape& shape, const ProductPair<float>* pairs, std::size_t count, const float* bias,
             Into into, float* c) {
  product_of(shape, pairs, count, bias, into, c);
}
void rows_product(const RowsShape& shape, const ProductPair<float>* pairs, std::size_t count, const float* bias,
                  Into into, float* c) {
  rows_product_of(shape, pairs, count, bias, into, c);
}
void terms_product(const TermsShape& shape, const ProductPair<float>* pairs, std::size_t count, const float* bias,
                   Into into, float* c) {
  terms_product_of(shape, pairs, count, bias, into, c);
}

}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();
