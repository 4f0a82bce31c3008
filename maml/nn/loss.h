#pragma once

#include <complex>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "maml/nn/layer.h"

namespace maml {

/// What the sum over the judged rows is divided by: their number (for mse also the number of outputs), or the support
/// shots (the original MAML's classification loss, which for N ways is N times the mean).
enum class Normalisation { mean, sum_over_shots };

/// One call of a loss for a group of tasks. Rows before support_rows are not judged: their dy is zero.
template <class P> struct LossCall {
  using Scalar = typename P::Scalar;
  std::size_t tasks = 1, rows = 0, support_rows = 0, shots = 1;
  std::size_t size = 0;  ///< outputs of the model a row
  Strided<P> output;
  const Scalar* y = nullptr;  ///< see Batch
  std::ptrdiff_t y_stride = 0;
  const Scalar* weight = nullptr;
  std::ptrdiff_t weight_stride = 0;
  Strided<P> dy;             ///< overwritten; null: not wanted
  Scalar* losses = nullptr;  ///< one a task, overwritten in the plain pass
};

/// A function of the model's outputs and the batch's targets. Made by `VectorLoss` (loss-inl.h) from one template, as
/// layers are.
class Loss {
public:
  Loss(std::string name, std::string metric, Normalisation normalisation)
      : name_(std::move(name)), metric_(std::move(metric)), normalisation_(normalisation) {}
  virtual ~Loss() = default;

  const std::string& name() const { return name_; }
  /// What `measure` gives: `mse`, `accuracy`, `loss`.
  const std::string& metric() const { return metric_; }
  Normalisation normalisation() const { return normalisation_; }
  /// Elements of y a row, for this many outputs. Throws Error where the outputs do not fit the loss.
  virtual std::size_t targets(std::size_t outputs) const = 0;

  virtual void evaluate(const LossCall<Value<float>>&) const = 0;
  virtual void evaluate(const LossCall<Tangent<float>>&) const = 0;
  virtual void evaluate(const LossCall<Value<double>>&) const = 0;
  virtual void evaluate(const LossCall<Tangent<double>>&) const = 0;
  virtual void evaluate(const LossCall<Value<std::complex<double>>>&) const = 0;

  /// The metric of every task (losses is where they go; dy is not touched).
  virtual void measure(const LossCall<Value<float>>&) const = 0;
  virtual void measure(const LossCall<Value<double>>&) const = 0;

private:
  std::string name_, metric_;
  Normalisation normalisation_;
};

std::vector<std::string> loss_names();
/// By name: mse, cross_entropy, policy_gradient; normalisation: mean, sum/shots. Throws Error naming what there is.
std::unique_ptr<Loss> make_loss(const std::string& name, const std::string& normalisation);

}  // namespace maml
