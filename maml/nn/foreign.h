#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "maml/base/shape.h"
#include "maml/diff/objective.h"

namespace maml {

/// A network that somebody else computes, over one flat parameter vector: a Model without layers is made of it, so that
/// adaptations, algorithms, outer loop, checkpoints and evaluation run on it. Parameters lie in the order of the list,
/// each in C order. What the functions make may outlive the model.
struct ForeignModel {
  struct Parameter {
    std::string name;
    std::vector<std::size_t> shape;
    std::vector<double> initial;  ///< whatever the seed
  };
  /// What makes the objective and the outputs in one precision.
  template <class T> struct Functions {
    /// Once differentiable only, where it does not derive from Objective<T>: then for first-order rows only. Called by
    /// as many threads as an adaptation is.
    std::function<std::unique_ptr<FirstOrderObjective<T>>()> objective;
    /// Outputs a row; null: predictions cannot be asked for. `backward` is never called.
    std::function<std::unique_ptr<FeatureMap<T>>()> outputs = nullptr;
  };

  std::string name;  ///< stands in messages
  Shape input;
  std::size_t outputs = 1;  ///< values for a row
  std::size_t targets = 1;  ///< elements of y a row; 1 where it tells classes apart
  bool is_classifier = false;
  std::string metric = "loss";  ///< what its objective measures: loss, mse or accuracy
  std::vector<Parameter> parameters;
  Functions<float> f32;
  Functions<double> f64;

  template <class T> const Functions<T>& functions() const {
    if constexpr (sizeof(T) == sizeof(float))
      return f32;
    else
      return f64;
  }
};

class Loss;
/// The loss of a foreign model: its name, metric and targets; it is never evaluated, since the objective is.
std::unique_ptr<Loss> make_foreign_loss(const ForeignModel&);

}  // namespace maml
