#include "maml/train/adapt.h"

#include <algorithm>
#include <cmath>

#include "maml/base/aligned.h"
#include "maml/base/error.h"
#include "maml/base/finite.h"
#include "maml/nn/foreign.h"
#include "maml/tasks/shots.h"
#include "maml/train/inner_loop.h"
#include "maml/train/predictions.h"

namespace maml {

namespace {

/// More rows in one call of the network bring nothing.
constexpr std::size_t most_rows_at_once = 256;

bool is_classifier(const Model& model) {
  return model.loss().name() == "cross_entropy";
}

Mode mode_of(std::optional<Statistics> statistics) {
  return {.evaluating = true, .statistics = statistics};
}

bool has_layer_with(const Model& model, Mode mode, auto&& wanted) {
  for (std::size_t i = 0; i < model.layer_count(); ++i) {
    const auto statistics = model.layer(i).statistics(mode);
    if (statistics && wanted(*statistics)) return true;
  }
  return false;
}

/// Those asked for, or implied by the model's text; none where no layer has any.
std::optional<Statistics> settled(std::optional<Statistics> given, const Model& model) {
  if (!has_layer_with(model, mode_of({}), [](Statistics) { return true; })) return {};
  if (given) return given;
  const auto moves = [](Statistics written) { return written != Statistics::running; };
  return has_layer_with(model, mode_of({}), moves) ? Statistics::support : Statistics::running;
}

/// How many rows these values are.
std::size_t rows_of(std::size_t values, std::size_t of_one, const char* what) {
  require(values % of_one == 0, what, "has ", values, " values, which are not whole rows of ", of_one,
          " (the model's input)");
  return values / of_one;
}

void require_finite(std::span<const float> values, std::size_t of_row, const char* what) {
  const auto bad = std::find_if_not(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
  require(bad == values.end(), what, "holds a value that is not finite in row ",
          static_cast<std::size_t>(bad - values.begin()) / of_row, " (mend it, or leave the row out)");
}

/// Rows of each class that the labels count; none has none.
std::vector<std::size_t> rows_by_class(const std::vector<float>& labels, std::size_t outputs) {
  for (const float label : labels) {
    require(label >= 0 && label == std::floor(label), "support.y", "holds the label ", label,
            " (labels are the whole numbers 0, 1, ..)");
    require(label < static_cast<float>(outputs), "support.y", "holds the label ", label, ", but the model tells ",
            outputs, " classes apart (labels count from 0; for more classes train one with more outputs)");
  }
  std::vector<std::size_t> rows;
  count_rows_by_class<float>(labels, rows);
  const auto missing = std::find(rows.begin(), rows.end(), 0u);
  require(missing == rows.end(), "support.y", "has no row of class ", missing - rows.begin(),
          " (labels are 0, 1, .. without a gap)");
  require(rows.size() >= 2, "support.y", "has one class only (give examples of two at least)");
  return rows;
}

/// A support set as a task that is adapted to and judged nowhere. Weights make the loss what it is in training: the
/// mean of the classes' own means, or their sum.
class SupportTask final : public Task<float> {
public:
  /// by_class: rows of each class, empty for regression.
  SupportTask(const SupportSet& support, std::size_t rows, const std::vector<std::size_t>& by_class,
              Normalisation normalisation) {
    batch_.rows = rows;
    batch_.shots = by_class.empty() ? rows : shots_of(by_class);
    batch_.x = support.x.data();
    batch_.y = support.y.data();
    if (by_class.empty()) return;
    weights_ = class_weights<float>(support.y, by_class, normalisation);
    if (!weights_.empty()) batch_.weight = weights_.data();
  }
  SupportTask(const SupportTask&) = delete;
  SupportTask& operator=(const SupportTask&) = delete;
  Batch<float> support(int, Point<float>) override { return batch_; }
  Batch<float> query(Point<float>) override { return batch_; }

private:
  std::vector<float> weights_;
  Batch<float> batch_;
};

}  // namespace

AdaptedModel::AdaptedModel(const Model& model, Parts parts) : model_(&model), parts_(std::move(parts)) {
  require(parts_.parameters.size() == model.parameters() && parts_.state.size() == model.state_size(), "adapted",
          "has parameters or statistics of another model");
  require(!is_classifier(model) || (parts_.classes >= 2 && parts_.classes <= model.output().size()), "adapted",
          "tells ", parts_.classes, " classes apart, but the model can tell 2 to ", model.output().size());
  require(parts_.steps >= 0, "adapted", "has gone ", parts_.steps, " inner steps, but must have gone 0 or above");
  const Mode mode = mode_of(parts_.statistics);
  const std::size_t rows = rows_of(parts_.support.x.size(), model.input().size(), "support.x");
  support_rows_ = model.couples_query(mode) ? rows : 0;
  require(rows > 0 || !model.couples_query(mode), "support.x", "is missing: the model's statistics are those of the ",
          "support set");
  is_one_batch_ = has_layer_with(model, mode, [](Statistics of) { return of == Statistics::transductive; });
  // A foreign model without predictions can be adapted all the same, for its parameters.
  if (!model.foreign() || model.foreign()->f32.outputs)
    predictor_ = std::make_unique<Predictor<float>>(model, mode, parts_.state.data());
}

std::size_t AdaptedModel::rows_at_once(std::size_t rows) const {
  const auto bytes = [&](std::size_t count) {
    const std::size_t all = support_rows_ + count;
    return sizeof(float) * (predictor_->tape_size(all) + all * (model_->input().size() + model_->output().size()));
  };
  if (is_one_batch_) {
    if (bytes(rows) > parts_.budget)
      throw BudgetError("[memory] a batch of " + std::to_string(rows) + " rows whose statistics are its own takes " +
                        std::to_string(bytes(rows)) + " bytes, but the budget is " + std::to_string(parts_.budget) +
                        " (ask about fewer rows at once, or take statistics of the support set)");
    return rows;
  }
  std::size_t count = std::min(rows, most_rows_at_once);
  while (count > 1 && bytes(count) > parts_.budget) count /= 2;
  if (bytes(count) > parts_.budget)
    throw BudgetError("[memory] one prediction beside " + std::to_string(support_rows_) + " support rows takes " +
                      std::to_string(bytes(count)) + " bytes, but the budget is " + std::to_string(parts_.budget));
  return count;
}

std::vector<float> AdaptedModel::outputs(std::span<const float> x) const {
  const std::size_t inputs = model_->input().size(), size = model_->output().size();
  const std::size_t rows = rows_of(x.size(), inputs, "query.x");
  require_finite(x, inputs, "query.x");
  if (!predictor_) fail(model_->foreign()->name, "gives no predictions (give it predict)");
  std::vector<float> result(rows * size);
  if (rows == 0) return result;
  const std::size_t at_once = rows_at_once(rows), most = support_rows_ + at_once;
  AlignedArray<float> batch_x(most * inputs), y(most * size), tape(predictor_->tape_size(most));
  std::copy_n(parts_.support.x.data(), support_rows_ * inputs, batch_x.data());
  for (std::size_t first = 0; first < rows; first += at_once) {
    const std::size_t count = std::min(at_once, rows - first);
    std::copy_n(x.data() + first * inputs, count * inputs, batch_x.data() + support_rows_ * inputs);
    Batch<float> batch;
    batch.rows = support_rows_ + count;
    batch.support_rows = support_rows_;
    batch.x = batch_x.data();
    (*predictor_)({parts_.parameters.data(), 0, parts_.steps}, batch, tape.data(), y.data(), 0);
    std::copy_n(y.data() + support_rows_ * size, count * size, result.data() + first * size);
  }
  return result;
}

std::vector<double> AdaptedModel::probabilities(std::span<const float> x) const {
  require(parts_.classes > 0, "probabilities", "are a classifier's, but the model's loss is ", model_->loss().name());
  const auto values = outputs(x);
  const std::size_t size = model_->output().size();
  std::vector<double> in_use;
  for (auto row = values.begin(); row != values.end(); row += static_cast<std::ptrdiff_t>(size))
    in_use.insert(in_use.end(), row, row + static_cast<std::ptrdiff_t>(parts_.classes));
  return class_probabilities(std::move(in_use), parts_.classes);
}

std::optional<Statistics> adapting_statistics(const Model& model) {
  return settled({}, model);
}

AdaptedModel adapt(const LoadedModel& loaded, SupportSet support, const AdaptOptions& given) {
  const Model& model = *loaded.model;
  require(model.loss().name() != "policy_gradient", "adapt", "has no examples for a policy: it adapts to rewards");
  const std::size_t rows = rows_of(support.x.size(), model.input().size(), "support.x");
  const std::size_t targets = model.loss().targets(model.output().size());
  require(rows > 0, "support.x", "has no rows");
  require(support.y.size() == rows * targets, "support.y", "has ", support.y.size(), " values, but ", rows,
          " support rows want ", rows * targets);
  require_finite(support.x, model.input().size(), "support.x");
  require_finite(support.y, targets, "support.y");

  AdaptedModel::Parts parts;
  const auto by_class =
      is_classifier(model) ? rows_by_class(support.y, model.output().size()) : std::vector<std::size_t>();
  parts.classes = by_class.size();
  parts.steps = given.steps.value_or(loaded.options.inner.steps);
  require(parts.steps >= 0, "steps", "is ", parts.steps, ", but must be 0 or above");
  parts.statistics = settled(given.statistics, model);
  parts.budget = given.budget;
  parts.state = loaded.weights.state;
  parts.parameters = loaded.weights.parameters;

  SupportTask task(support, rows, by_class, model.loss().normalisation());
  const InnerLoop<float> loop(model, loaded.options.inner, mode_of(parts.statistics), parts.state.data());
  AdaptationOptions options;
  options.steps = parts.steps;
  options.support_rows = rows;
  options.second_order = false;
  options.budget = given.budget;
  options.tick = given.tick;
  const auto adaptation = loop.adaptation(options, true);
  adaptation->set_rates(loaded.weights.rates.data());
  adaptation->run(loaded.weights.parameters.data(), task);
  const std::size_t front = adaptation->front_parameters();
  std::copy_n(adaptation->theta(parts.steps).theta, model.parameters() - front,
              parts.parameters.begin() + static_cast<std::ptrdiff_t>(front));
  require(all_finite<float>(parts.parameters), "adapt", "has parameters that are not finite after ", parts.steps,
          " inner steps (take fewer)");
  parts.support = std::move(support);
  return AdaptedModel(model, std::move(parts));
}

AdaptedModel unadapted(const LoadedModel& loaded) {
  const Model& model = *loaded.model;
  AdaptedModel::Parts parts;
  parts.parameters = loaded.weights.parameters;
  parts.state = loaded.weights.state;
  if (is_classifier(model)) parts.classes = model.output().size();
  parts.statistics = settled({}, model);
  if (parts.statistics == Statistics::support) parts.statistics = Statistics::transductive;
  return AdaptedModel(model, std::move(parts));
}

}  // namespace maml
