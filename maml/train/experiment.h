#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "maml/nn/model.h"
#include "maml/tasks/domain.h"
#include "maml/train/options.h"

namespace maml {

/// The domain that [data] names. policy: the model, for domains whose tasks it acts in (borrowed); else null.
std::unique_ptr<Domain> make_domain(const DataOptions&, const Model* policy);

/// Where `data.file` is: as given, else in the folder that the environment variable MAML_DATA names, else in data/.
/// Throws Error that says where it was looked for and how to make one.
std::string find_data_file(const std::string& file);

/// Terms of the data that a model learned from, which whatever keeps its weights has to say; empty: none are known.
/// Those in `data.licence`; of a run by an earlier version, which lacks it, by the name of its data file.
std::string licence_of(const DataOptions&);

/// How large a task is: classes, and examples of each to adapt to and to be judged by.
struct TaskSize {
  std::size_t ways = 1, shots = 10, query_shots = 10;
};
/// Of tasks in training, and in validation and testing (`data.test_ways` and its like), by resolved options.
TaskSize training_size(const DataOptions&);
TaskSize test_size(const DataOptions&);

/// The episodes of an inner loop for tasks of that size and calls of that mode. Throws Error where a task has more
/// classes than the model tells apart.
EpisodeOptions episode_options(const Model&, Mode, const InnerOptions&, const TaskSize&);

/// What a domain's episodes are like for a model, found by drawing one.
struct EpisodeShape {
  std::size_t support_rows = 0, query_rows = 0;
  bool fixed_support = false;  ///< support data are the same at every inner step
  std::size_t bytes = 0;       ///< of a group of one task (TaskGroup::bytes)
};
EpisodeShape episode_shape(const Model&, const Domain&, const EpisodeOptions&, Purpose = Purpose::train_task);

/// What training finds: parameters, learned inner rates (all rates where they are fixed), running statistics.
struct Weights {
  std::vector<float> parameters, rates, state;
};

/// A trained model: all that adapting, predicting and exporting need. No data set is asked for.
struct LoadedModel {
  Options options;  ///< resolved
  std::unique_ptr<Model> model;
  Weights weights;
  std::int64_t iteration = 0;  ///< after which these weights were taken
  std::string isa = {};        ///< instruction set they were computed on; empty: not known
};

/// A config made ready: its options checked and filled in, its model and its source of tasks.
struct Experiment {
  /// Throws Error naming the key and its mend, also where the data are missing or do not fit the model.
  explicit Experiment(const Options&);
  /// Of parts made by other means. options: resolved, of that model. Throws Error where model and domain do not fit.
  Experiment(const Options&, std::unique_ptr<Model>, std::unique_ptr<Domain>);

  Options options;  ///< resolved; preparation, columns and licence of [data] as the data say, unless they were given
  std::unique_ptr<Model> model;
  std::unique_ptr<Domain> domain;

  /// Weights before training: initial parameters from the seed, or of `train.init`.
  Weights initial() const;
  /// Worker threads: train.threads, or all processors.
  int threads() const;
};

}  // namespace maml
