// For code compiled once per instruction set: that set's own gathered products. Contract in gathered.h.

#if defined(MAML_KERNELS_GATHERED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_KERNELS_GATHERED_INL_H_
#undef MAML_KERNELS_GATHERED_INL_H_
#else
#define MAML_KERNELS_GATHERED_INL_H_
#endif

#include <hwy/highway.h>

#include "maml/kernels/gathered.h"

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {

void rows_product(const RowsShape& shape, const ProductPair<float>* pairs, std::size_t count, const float* bias,
                  Into into, float* c);
void rows_product(const RowsShape& shape, const ProductPair<double>* pairs, std::size_t count, const double* bias,
                  Into into, double* c);
void terms_product(const TermsShape& shape, const ProductPair<float>* pairs, std::size_t count, const float* bias,
                   Into into, float* c);
void terms_product(const TermsShape& shape, const ProductPair<double>* pairs, std::size_t count, const double* bias,
                   Into into, double* c);

}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
