#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/mse.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/loss-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// Mean squared error over rows and outputs; with `sum / shots` the sum of squared errors over the shots.
class Mse : public VectorLoss<Mse> {
public:
  explicit Mse(Normalisation normalisation) : VectorLoss("mse", "mse", normalisation) {}
  std::size_t targets(std::size_t outputs) const override { return outputs; }

  template <class Pass> typename Pass::One evaluate(const LossFrame<Pass>& f) const {
    using Number = typename Pass::Number;
    using One = typename Pass::One;
    require(f.weight == nullptr, "mse", "does not read weights of rows (leave Batch::weight null)");
    const double scale = f.scale(normalisation(), f.size);
    const Number slope = Number::set(2 * scale);
    One sum = One::set(0);
    Pass::each(f.rows * f.size, [&](auto at) HWY_ATTR {
      const Number error = Pass::load(f.output, at) - Pass::load_constant(f.y, at);
      sum = sum + Pass::sum(error * error, at);
      if (f.dy) Pass::store(f.dy, at, slope * error);
    });
    return sum * One::set(scale);
  }

  template <class Pass> typename Pass::Scalar measure(const LossFrame<Pass>& f) const {
    auto without_gradient = f;
    without_gradient.dy = {};
    return (evaluate(without_gradient) / Pass::One::set(f.scale(normalisation(), f.size)) *
            Pass::One::set(f.scale(Normalisation::mean, f.size)))
        .raw;
  }
};

std::unique_ptr<Loss> make_mse(Normalisation normalisation) {
  return std::make_unique<Mse>(normalisation);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LOSS(make_mse)
}  // namespace maml
#endif
