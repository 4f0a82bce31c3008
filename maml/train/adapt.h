#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "maml/train/experiment.h"

namespace maml {

/// Examples to adapt to, in any order.
struct SupportSet {
  std::vector<float> x;  ///< rows x input size; images are H, W, C in [0, 1]
  std::vector<float> y;  ///< rows x targets: values, or one class number, 0, 1, ..
};

struct AdaptOptions {
  /// Inner steps; none: as many as in training. Steps beyond the trained ones use the last step's rates.
  std::optional<int> steps = {};
  /// Where batch norm takes means and variances from. Inner steps take those of the support rows, but with `running`;
  /// predictions take
  ///   support: those of the support rows at the adapted parameters, whatever else is asked about;
  ///   transductive: those of all rows of a call, so that the call is one batch;
  ///   running: those that training kept, in the inner steps too (an Error for a model that keeps none).
  /// None: `running` for a model written with it, else `support`, so that no prediction depends on another. A model
  /// without batch norm has none, whatever is asked for.
  std::optional<Statistics> statistics = {};
  /// Bytes that adapting, and each call that predicts, may take for what it computes. Results do not depend on it.
  std::size_t budget = default_budget;
  std::function<void()> tick = {};  ///< called before every inner step; what it throws ends the adapting
};

/// A model adapted to a support set. Borrows the Model itself, and nothing else. May be used by many threads at once.
class AdaptedModel {
public:
  struct Parts {
    std::vector<float> parameters, state;
    SupportSet support = {};  ///< may be empty where needs_support() is false
    std::size_t classes = 0;
    int steps = 0;
    std::optional<Statistics> statistics = {};
    std::size_t budget = AdaptOptions().budget;
  };
  /// Throws Error where the parts do not fit the model.
  AdaptedModel(const Model&, Parts);

  /// Classes of the support set, from 2 to as many as the model has outputs; 0 for regression.
  std::size_t classes() const { return parts_.classes; }
  int steps() const { return parts_.steps; }
  /// Of batch norm; none where the model has no such layer.
  std::optional<Statistics> statistics() const { return parts_.statistics; }
  /// Adapted, in the model's own order (Model::to_border gives PyTorch's).
  const std::vector<float>& parameters() const { return parts_.parameters; }
  /// Running statistics, Model::state_size() of them.
  const std::vector<float>& state() const { return parts_.state; }
  const SupportSet& support() const { return parts_.support; }
  /// Whether predictions read the support set: with statistics `support`.
  bool needs_support() const { return support_rows_ > 0; }

  /// Outputs of the model, rows x output size. Those of a row are the same to the bit whatever other rows are in the
  /// call and in whatever order, but with statistics `transductive`, where a call's rows are one batch. Throws Error
  /// where x is not whole rows or holds a value that is not finite, BudgetError where one row (with `transductive`, the
  /// one batch) takes more than the budget.
  std::vector<float> outputs(std::span<const float> x) const;
  /// Rows x classes(): the softmax over the outputs of the support set's classes. Outputs beyond them, which stand for
  /// nothing, are left out; the probabilities of a row add up to 1. Throws Error for regression.
  std::vector<double> probabilities(std::span<const float> x) const;

private:
  std::size_t rows_at_once(std::size_t rows) const;

  const Model* model_;
  Parts parts_;
  std::size_t support_rows_ = 0;  ///< that a query batch begins with
  bool is_one_batch_ = false;     ///< whether rows of a call depend on each other
  std::unique_ptr<const Predictor<float>> predictor_;
};

/// The statistics that `adapt` takes where AdaptOptions::statistics says nothing; none for a model without batch norm.
std::optional<Statistics> adapting_statistics(const Model&);

/// Adapts to all of the support set at every inner step, from the trained weights and at the trained rates; the inner
/// mini-batches of a training that had them (inner.batch) are not drawn. Throws Error where the support set does not
/// fit the model: sizes, values that are not finite, more classes than outputs, a class without a row; where the steps
/// diverge; and BudgetError.
///
/// Each class counts as much as any other, however many rows it has: the loss is the mean of the classes' own means, or
/// their sum where training divides by the shots (`sum/shots`). For equal numbers of rows that is the loss of training.
/// Batch norm takes its statistics from all rows alike.
AdaptedModel adapt(const LoadedModel&, SupportSet, const AdaptOptions& = {});

/// The trained model as it is, adapted to nothing by no step. It tells as many classes apart as it has outputs; batch
/// norm takes running statistics where the model was written with them, else those of all rows of a call
/// (`transductive`).
AdaptedModel unadapted(const LoadedModel&);

}  // namespace maml
