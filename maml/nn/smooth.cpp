#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/smooth.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

struct Tanh {
  template <class N> HWY_INLINE N forward(N x) const { return tanh(x); }
  template <class N> HWY_INLINE N backward(N, N y, N dy) const { return dy * (N::set(1) - y * y); }
};

struct Sigmoid {
  template <class N> HWY_INLINE N forward(N x) const { return sigmoid(x); }
  template <class N> HWY_INLINE N backward(N, N y, N dy) const { return dy * (y * (N::set(1) - y)); }
};

/// x / 2 (1 + tanh(c (x + a x^3))), c = sqrt(2 / pi), a = 0.044715 (Hendrycks and Gimpel 2016, tanh form).
struct Gelu {
  static constexpr double c = 0.79788456080286535588, a = 0.044715;
  template <class N> HWY_INLINE N forward(N x) const {
    const N t = tanh(N::set(c) * (x + N::set(a) * x * x * x));
    return N::set(0.5) * x * (N::set(1) + t);
  }
  template <class N> HWY_INLINE N backward(N x, N, N dy) const {
    const N square = x * x;
    const N t = tanh(N::set(c) * (x + N::set(a) * square * x));
    const N slope = N::set(0.5) * (N::set(1) + t) +
                    N::set(0.5) * x * (N::set(1) - t * t) * (N::set(c) * (N::set(1) + N::set(3 * a) * square));
    return dy * slope;
  }
};

LayerPtr make_tanh(const LayerText& text, const Shape& input) {
  return std::make_unique<ElementwiseLayer<Tanh>>(text.kind(), input, Tanh{});
}

LayerPtr make_sigmoid(const LayerText& text, const Shape& input) {
  return std::make_unique<ElementwiseLayer<Sigmoid>>(text.kind(), input, Sigmoid{});
}

LayerPtr make_gelu(const LayerText& text, const Shape& input) {
  return std::make_unique<ElementwiseLayer<Gelu>>(text.kind(), input, Gelu{});
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LAYER(make_tanh)
MAML_DISPATCH_LAYER(make_sigmoid)
MAML_DISPATCH_LAYER(make_gelu)
}  // namespace maml
#endif
