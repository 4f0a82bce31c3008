#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/cross_entropy.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/cross_entropy_pass-inl.h"
#include "maml/nn/dispatch.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// CrossEntropyPass as a loss.
class CrossEntropy : public VectorLoss<CrossEntropy> {
public:
  explicit CrossEntropy(Normalisation normalisation) : VectorLoss("cross_entropy", "accuracy", normalisation) {}
  std::size_t targets(std::size_t) const override { return 1; }

  template <class Pass> typename Pass::One evaluate(const LossFrame<Pass>& f) const {
    for (std::size_t row = 0; row < f.rows; ++row) {
      const std::size_t label = CrossEntropyPass::class_of(f.y[row]);
      require(label < f.size, "cross_entropy", "met class ", label, ", but the model tells ", f.size,
              " apart (classes count from 0; change the size of the last layer)");
    }
    return CrossEntropyPass::evaluate(f, normalisation());
  }
  template <class Pass> typename Pass::Scalar measure(const LossFrame<Pass>& f) const {
    return CrossEntropyPass::measure(f);
  }
};

std::unique_ptr<Loss> make_cross_entropy(Normalisation normalisation) {
  return std::make_unique<CrossEntropy>(normalisation);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LOSS(make_cross_entropy)
}  // namespace maml
#endif
