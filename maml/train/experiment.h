#pragma once

#include <memory>
#include <vector>

#include "maml/nn/model.h"
#include "maml/tasks/domain.h"
#include "maml/train/options.h"

namespace maml {

/// The domain that [data] names. policy: the model, for domains whose tasks it acts in (borrowed); else null.
std::unique_ptr<Domain> make_domain(const DataOptions&, const Model* policy);

/// What a domain's episodes are like for a model, found by drawing one.
struct EpisodeShape {
  std::size_t support_rows = 0, query_rows = 0;
  bool fixed_support = false;  ///< support data are the same at every inner step
};
EpisodeShape episode_shape(const Model&, const Domain&, const EpisodeOptions&);

/// What training finds: parameters, learned inner rates (all rates where they are fixed), running statistics.
struct Weights {
  std::vector<float> parameters, rates, state;
};

/// A config made ready: its options checked and filled in, its model and its source of tasks.
struct Experiment {
  /// Throws Error naming the key and its mend.
  explicit Experiment(const Options&);

  Options options;  ///< resolved
  std::unique_ptr<Model> model;
  std::unique_ptr<Domain> domain;

  /// Weights before training: initial parameters from the seed, or of `train.init`.
  Weights initial() const;
  /// Worker threads: train.threads, or all processors.
  int threads() const;
};

}  // namespace maml
