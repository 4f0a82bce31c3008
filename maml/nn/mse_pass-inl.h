// The pass of the mean squared error; mse.cpp makes a loss of it.

#if defined(MAML_NN_MSE_PASS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_NN_MSE_PASS_INL_H_
#undef MAML_NN_MSE_PASS_INL_H_
#else
#define MAML_NN_MSE_PASS_INL_H_
#endif

#include "maml/nn/loss-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// Mean squared error over rows and outputs; with `sum / shots` the sum of squared errors over the shots. Weights of
/// rows are not read.
class MsePass {
public:
  template <class Pass> static typename Pass::One evaluate(const LossFrame<Pass>& f, Normalisation normalisation) {
    using Number = typename Pass::Number;
    using One = typename Pass::One;
    const double scale = f.scale(normalisation, f.size);
    const Number slope = Number::set(2 * scale);
    One sum = One::set(0);
    Pass::each(f.rows * f.size, [&](auto at) HWY_ATTR {
      const Number error = Pass::load(f.output, at) - Pass::load_constant(f.y, at);
      sum = sum + Pass::sum(error * error, at);
      if (f.dy) Pass::store(f.dy, at, slope * error);
    });
    return sum * One::set(scale);
  }
};

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
