#pragma once

#include <vector>

#include "maml/diff/adaptation.h"
#include "maml/nn/model.h"

namespace maml {

/// What a model says of query rows once it has adapted.
class Predictions {
public:
  /// Borrows the model and its running statistics (null where it has none).
  Predictions(const Model&, Mode, const float* state);

  /// The model's outputs, output().size() a query row, after `step` steps of an adaptation (of one task, without a
  /// frozen front) that ran on that task. Support rows that come with the query are left out.
  std::vector<double> outputs(Adaptation<float>&, Task<float>&, int step);

private:
  const Model& model_;
  const Predictor<float> predict_;
  std::vector<float> tape_, y_;
};

/// Softmax of each row of so many outputs.
std::vector<double> class_probabilities(std::vector<double> outputs, std::size_t classes);

}  // namespace maml
