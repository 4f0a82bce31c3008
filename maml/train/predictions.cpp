#include "maml/train/predictions.h"

#include <algorithm>
#include <cmath>

namespace maml {

Predictions::Predictions(const Model& model, Mode mode, const float* state)
    : model_(model), predict_(model, mode, state) {}

std::vector<double> Predictions::outputs(Adaptation<float>& adaptation, Task<float>& task, int step) {
  const Point<float> theta = adaptation.theta(step);
  const Batch<float> query = task.query(theta);
  const std::size_t size = model_.output().size();
  tape_.resize(predict_.tape_size(query.rows));
  y_.resize(query.rows * size);
  predict_(theta, query, tape_.data(), y_.data(), 0);
  return {y_.begin() + static_cast<std::ptrdiff_t>(query.support_rows * size), y_.end()};
}

std::vector<double> class_probabilities(std::vector<double> outputs, std::size_t classes) {
  for (auto row = outputs.begin(); row != outputs.end(); row += static_cast<std::ptrdiff_t>(classes)) {
    const auto end = row + static_cast<std::ptrdiff_t>(classes);
    const double largest = *std::max_element(row, end);
    double sum = 0;
    for (auto at = row; at != end; ++at) sum += * at = std::exp(*at - largest);
    for (auto at = row; at != end; ++at) *at /= sum;
  }
  return outputs;
}

}  // namespace maml
