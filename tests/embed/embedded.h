#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "embed/maml_adapt.h"
#include "maml/train/adapt.h"
#include "tests/support/adaptable.h"

namespace maml::test {

/// A model as it is before training, its rates unequal.
inline LoadedModel untrained(const Options& given) {
  LoadedModel result = initial_model(given);
  for (std::size_t i = 0; i < result.weights.rates.size(); ++i)
    result.weights.rates[i] *= 1 + static_cast<float>(i % 5) / 10;
  return result;
}

/// Rows of noise with these labels, or with targets of noise.
inline SupportSet support_of(const LoadedModel& model, const std::vector<float>& labels) {
  const std::size_t rows = labels.size();
  const bool is_classifier = model.model->loss().name() == "cross_entropy";
  return {noise(rows * model.model->input().size(), 1),
          is_classifier ? labels : noise(rows * model.model->output().size(), 4)};
}

/// A context of maml_adapt in an arena of just the size that it asks for, which begins `shift` bytes beside where new
/// would have it.
class Embedded {
public:
  Embedded(std::vector<std::byte> file, std::size_t support_rows, std::size_t query_rows, std::size_t shift = 0)
      : file_(std::move(file)) {
    std::size_t bytes = 0;
    status_ = maml_adapt_arena_bytes(file_.data(), file_.size(), support_rows, query_rows, &bytes);
    if (status_ != MAML_ADAPT_OK) return;
    arena_.resize(bytes + shift);
    status_ = maml_adapt_create(file_.data(), file_.size(), support_rows, query_rows, arena_.data() + shift, bytes,
                                &context_);
  }

  int status() const { return status_; }
  maml_adapt* context() const { return context_; }
  std::size_t arena_bytes() const { return arena_.size(); }

  int run(const SupportSet& support, std::size_t rows, int steps = MAML_ADAPT_TRAINED_STEPS) {
    return maml_adapt_run(context_, support.x.data(), support.y.data(), rows, steps);
  }
  std::vector<float> outputs(std::span<const float> x) {
    maml_adapt_model model;
    maml_adapt_describe(file_.data(), file_.size(), &model);
    std::vector<float> result(x.size() / model.inputs * model.outputs);
    status_ = maml_adapt_predict(context_, x.data(), x.size() / model.inputs, result.data());
    return result;
  }
  std::vector<std::byte> saved() {
    std::size_t bytes = 0;
    status_ = maml_adapt_saved_bytes(context_, &bytes);
    std::vector<std::byte> file(bytes);
    if (status_ == MAML_ADAPT_OK) status_ = maml_adapt_save(context_, file.data(), bytes);
    return file;
  }

private:
  std::vector<std::byte> file_, arena_;
  maml_adapt* context_ = nullptr;
  int status_ = MAML_ADAPT_OK;
};

}  // namespace maml::test
