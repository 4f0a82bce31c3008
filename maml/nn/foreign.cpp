#include "maml/nn/foreign.h"

#include "maml/base/error.h"
#include "maml/nn/loss.h"

namespace maml {

namespace {

class ForeignLoss final : public Loss {
public:
  explicit ForeignLoss(const ForeignModel& model)
      : Loss(model.is_classifier ? "cross_entropy" : "mse", model.metric, Normalisation::mean), model_(model.name),
        targets_(model.targets) {}

  std::size_t targets(std::size_t) const override { return targets_; }
  void evaluate(const LossCall<Value<float>>&) const override { refuse(); }
  void evaluate(const LossCall<Tangent<float>>&) const override { refuse(); }
  void evaluate(const LossCall<Value<double>>&) const override { refuse(); }
  void evaluate(const LossCall<Tangent<double>>&) const override { refuse(); }
  void evaluate(const LossCall<Value<std::complex<double>>>&) const override { refuse(); }
  void measure(const LossCall<Value<float>>&) const override { refuse(); }
  void measure(const LossCall<Value<double>>&) const override { refuse(); }

private:
  [[noreturn]] void refuse() const { fail(model_, "has a loss of its own, not one of outputs"); }

  const std::string model_;
  const std::size_t targets_;
};

}  // namespace

std::unique_ptr<Loss> make_foreign_loss(const ForeignModel& model) {
  return std::make_unique<ForeignLoss>(model);
}

}  // namespace maml
