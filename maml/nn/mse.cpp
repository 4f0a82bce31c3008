#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/mse.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/mse_pass-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// MsePass as a loss.
class Mse : public VectorLoss<Mse> {
public:
  explicit Mse(Normalisation normalisation) : VectorLoss("mse", "mse", normalisation) {}
  std::size_t targets(std::size_t outputs) const override { return outputs; }

  template <class Pass> typename Pass::One evaluate(const LossFrame<Pass>& f) const {
    require(f.weight == nullptr, "mse", "does not read weights of rows (leave Batch::weight null)");
    return MsePass::evaluate(f, normalisation());
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
