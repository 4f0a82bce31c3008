#pragma once

#include <memory>
#include <vector>

#include "maml/nn/model.h"
#include "maml/tasks/domain.h"
#include "maml/train/options.h"

namespace maml {

/// The domain that [data] names.
std::unique_ptr<Domain> make_domain(const DataOptions&);

/// What training finds: parameters, learned inner rates (all rates where they are fixed), running statistics.
struct Weights {
  std::vector<float> parameters, rates, state;
};

/// A config made ready: its options checked and filled in, its model and its source of tasks.
struct Experiment {
  /// Throws Error naming the key and its mend.
  explicit Experiment(const Options&);

  Options options;  ///< resolved
  std::unique_ptr<Domain> domain;
  std::unique_ptr<Model> model;

  /// Weights before training: initial parameters from the seed, or of `train.init`.
  Weights initial() const;
  /// Worker threads: train.threads, or all processors.
  int threads() const;
};

}  // namespace maml
