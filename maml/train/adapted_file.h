#pragma once

#include <string>
#include <vector>

#include "maml/io/tensor.h"
#include "maml/train/adapt.h"

namespace maml {

/// A model adapted to classes with names, as a file (safetensors with a checksum) that needs nothing beside it to
/// predict again, to the bit: parameters and running statistics as in a checkpoint (read_weights reads them), where
/// predictions depend on the support set `support.x` (rows x input) too, and in the metadata `classes` (a JSON list),
/// `steps`, `statistics` (empty where there are none), `isa` (the instruction set it was adapted on), `config` (TOML:
/// the model's text, how pictures are prepared), and `licence` as in a checkpoint. classes: the names of
/// adapted.classes() of them.
void write_adapted(const std::string& path, const LoadedModel&, const AdaptedModel&,
                   const std::vector<std::string>& classes);

struct LoadedAdapted {
  LoadedModel loaded;
  AdaptedModel adapted;
  std::vector<std::string> classes;
};
/// Reads that back, `isa` as loaded.isa; throws Error with the reason.
LoadedAdapted read_adapted(const std::string& path);
/// The same from the tensors of such a file, as read_checked gives them.
LoadedAdapted to_adapted(const TensorFile&);

}  // namespace maml
