#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/policy_gradient.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/loss-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// - log pi(action) times the row's weight (its advantage), pi a Gaussian with a diagonal covariance: outputs are means
/// followed by logarithms of standard deviations (layer `gaussian`), y the actions (Williams 1992).
class PolicyGradient : public VectorLoss<PolicyGradient> {
public:
  explicit PolicyGradient(Normalisation normalisation) : VectorLoss("policy_gradient", "loss", normalisation) {}
  std::size_t targets(std::size_t outputs) const override {
    require(outputs % 2 == 0, "policy_gradient", "wants means and log standard deviations, but the model has ", outputs,
            " outputs (end it with the layer \"gaussian\")");
    return outputs / 2;
  }

  template <class Pass> typename Pass::One evaluate(const LossFrame<Pass>& f) const {
    using One = typename Pass::One;
    constexpr double half_log_two_pi = 0.91893853320467274178;
    const std::size_t n = f.size / 2;
    const double scale = f.scale(normalisation());
    One loss = One::set(0);
    for (std::size_t row = 0; row < f.rows; ++row) {
      const auto output = f.output + s(row * f.size), dy = f.dy + s(row * f.size);
      const One weight = Pass::constant(f.weight ? f.weight[row] : typename Pass::Scalar(1)) * One::set(scale);
      for (std::size_t i = 0; i < n; ++i) {
        const One mean = Pass::load_one(output, i), log_std = Pass::load_one(output, n + i);
        const One inverse = exp(-log_std);
        const One distance = (Pass::constant(f.y[row * n + i]) - mean) * inverse;
        loss = loss + weight * (One::set(0.5) * distance * distance + log_std + One::set(half_log_two_pi));
        if (!f.dy) continue;
        Pass::store_one(dy, i, -(weight * distance * inverse));
        Pass::store_one(dy, n + i, weight * (One::set(1) - distance * distance));
      }
    }
    return loss;
  }

  template <class Pass> typename Pass::Scalar measure(const LossFrame<Pass>& f) const {
    auto without_gradient = f;
    without_gradient.dy = {};
    return evaluate(without_gradient).raw;
  }

private:
  static std::ptrdiff_t s(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }
};

std::unique_ptr<Loss> make_policy_gradient(Normalisation normalisation) {
  return std::make_unique<PolicyGradient>(normalisation);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LOSS(make_policy_gradient)
}  // namespace maml
#endif
