#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "maml/io/tensor.h"
#include "maml/train/experiment.h"

namespace maml {

/// The outer optimiser's state.
struct OptimiserState {
  std::int64_t steps = 0;
  std::vector<std::vector<float>> moments;
};

/// Sums over the iterations since the last row of metrics.csv.
struct MetricSums {
  double loss = 0, before = 0, after = 0;
  std::int64_t count = 0;
};

/// Best validation so far.
struct Best {
  std::int64_t iteration = 0;
  double value = 0;
};

/// All that a run needs to go on. In a file (safetensors with a checksum): parameters under PyTorch's names and in its
/// layouts, learned rates of adapted parameters as `alpha.NAME`, running statistics as `state.NAME`, the optimiser's
/// moments as `outer.m.NAME`, `outer.v.NAME`; the rest in the metadata, there also `licence` where the data have terms
/// (licence_of). Nothing in it depends on the time.
struct Checkpoint {
  std::int64_t iteration = 0;  ///< iterations done
  Weights weights;
  std::optional<OptimiserState> parameters_state, rates_state;  ///< not in best.safetensors
  MetricSums sums;
  std::optional<Best> best;
  std::string isa;     ///< instruction set it was computed on
  std::string digest;  ///< of the options (see options.h)
};

/// Writes it atomically. options: resolved, of this model. label: of its fault points (maml/io/fault.h).
void write_checkpoint(const std::string& path, const Model&, const Options&, const Checkpoint&,
                      const std::string& label);

/// Reads it for a model by its (resolved) options. Throws Error with the reason: damaged, no checkpoint, another
/// model's, or, with `same_run`, that of a run with other options.
Checkpoint read_checkpoint(const std::string& path, const Model&, const Options&, bool same_run);

/// Weights as tensors of a file: parameters, running statistics, learned rates.
TensorFile to_tensors(const Model&, const Options&, const Weights&);

/// Weights from a checkpoint, or from a safetensors file of any origin (a checksum is looked at where there is one):
/// parameters under PyTorch's names and in its layouts, perhaps `alpha..` and `state.NAME` as in a checkpoint; what
/// begins with `support.` or `outer.` is passed over. take: patterns of the parameters to take (see matching_slices);
/// unless that is all of them, the others, rates and state are as before training.
Weights read_weights(const std::string& path, const Model&, const Options&,
                     const std::vector<std::string>& take = {"*"});
/// The same from the tensors of such a file.
Weights to_weights(const TensorFile&, const Model&, const Options&, const std::vector<std::string>& take = {"*"});

}  // namespace maml
