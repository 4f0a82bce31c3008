#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "maml/diff/adaptation.h"
#include "maml/diff/check_task.h"
#include "maml/nn/check_model.h"

namespace maml::test {

/// A model with its data, ready to adapt.
template <class T> struct Bed {
  Model model;
  CheckData data;
  std::unique_ptr<Objective<T>> objective;
  std::unique_ptr<InnerRule<T>> rule = make_sgd<T>();
  CheckTask<T> task;
  std::vector<T> theta;

  Bed(const ModelOptions& options, std::size_t tasks, std::size_t support_rows, std::size_t query_rows,
      std::uint64_t seed = 1)
      : model(options), data(random_check_data(model, tasks, support_rows, query_rows, seed)),
        objective(make_objective<T>(model, Mode{})), task(data, 0, tasks), theta(model.initial<T>(seed)) {}

  AdaptationOptions options(int steps) const {
    AdaptationOptions options;
    options.steps = steps;
    options.tasks = data.tasks;
    options.support_rows = data.support_rows;
    options.query_rows = data.query_rows + (data.couple_query ? data.support_rows : 0);
    return options;
  }
  RateLayout layout(const std::vector<std::string>& patterns, RateSharing sharing = RateSharing::number,
                    int steps = 1) const {
    return RateLayout(model.slices(), matching_slices("inner.adapt", model.slices(), patterns), sharing, steps);
  }
};

/// Norm of the difference over norm of b.
template <class A, class B> double relative_error(const A& a, const B& b) {
  double difference = 0, scale = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    difference += (x - y) * (x - y);
    scale += y * y;
  }
  return std::sqrt(difference / (scale > 0 ? scale : 1));
}

}  // namespace maml::test
