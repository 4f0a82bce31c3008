// The rectifier of relu and leaky_relu, element by element.

#if defined(MAML_NN_RECTIFIER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_NN_RECTIFIER_INL_H_
#undef MAML_NN_RECTIFIER_INL_H_
#else
#define MAML_NN_RECTIFIER_INL_H_
#endif

#include "maml/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// x where it is above 0, else slope x; the derivative at zero is the slope (0 for relu).
struct Rectifier {
  double slope;
  template <class N> HWY_INLINE N forward(N x) const { return select(greater(x, N::set(0)), x, N::set(slope) * x); }
  template <class N> HWY_INLINE N backward(N x, N, N dy) const {
    return select(greater(x, N::set(0)), dy, N::set(slope) * dy);
  }
};

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
