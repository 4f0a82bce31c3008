#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "maml/base/shape.h"
#include "maml/diff/inner_rule.h"
#include "maml/diff/objective.h"
#include "maml/nn/layer.h"
#include "maml/nn/loss.h"

namespace maml {

/// A model as a person writes it (TOML table [model]).
struct ModelOptions {
  std::vector<std::size_t> input;      ///< [n], or [H, W, C]
  std::vector<std::string> layers;     ///< "linear 40 init=truncated_normal(0.01)", "relu", "backbone conv4-64", ..
  std::string loss = "mse";            ///< mse | cross_entropy | policy_gradient
  std::string normalisation = "mean";  ///< mean | sum/shots
};

/// One parameter slice at the border: PyTorch's name, shape and order of elements.
struct BorderTensor {
  std::string name;
  std::vector<std::size_t> shape;
  std::vector<double> values;
};

struct ForeignModel;

/// A list of layers over one flat parameter vector, and a loss. Immutable; may be used by many threads at once.
class Model {
public:
  /// Throws Error that names the layer, what is wrong with it, and how to mend it.
  explicit Model(const ModelOptions&);
  /// A model without layers, whose parameters and objectives are somebody else's (maml/nn/foreign.h). Throws Error
  /// where it has no parameters, or two of one name.
  explicit Model(ForeignModel);
  ~Model();

  /// What the model was made of where it is foreign, else null.
  const ForeignModel* foreign() const;

  std::size_t parameters() const;
  /// Length of the running statistics.
  std::size_t state_size() const;
  const std::vector<Slice>& slices() const;
  const std::vector<Slice>& state_slices() const;
  /// How many of an adaptation's support passes, one an inner step, move each of the running statistics (at least 1, so
  /// that the sum of what they ask for can be divided by it). state_size() values.
  std::vector<std::size_t> state_passes(std::size_t steps) const;
  Shape input() const;
  Shape output() const;
  std::size_t layer_count() const;
  const Layer& layer(std::size_t i) const;
  /// The layer's name: its kind, numbered by kind (`linear2`).
  const std::string& layer_name(std::size_t i) const;
  /// What layer i reads: the outputs of these layers, -1 standing for the model's input, -2 for nothing.
  struct Sources {
    int first, second = -2;
  };
  Sources sources(std::size_t i) const;
  /// Whether layers from i on read nothing but the output of layer i - 1.
  bool may_split(std::size_t i) const;
  const Loss& loss() const;
  /// Whether query batches must begin with the support rows (statistics `support`). Throws Error where the mode asks
  /// for running statistics that a layer does not keep.
  bool couples_query(Mode) const;
  /// Index of the layer that owns this element of the parameter vector.
  std::size_t layer_at(std::size_t parameter_offset) const;

  /// Initial parameters, a function of the seed alone.
  template <class T> std::vector<T> initial(std::uint64_t seed) const;
  template <class T> std::vector<T> initial_state() const;

  /// Flat vector to tensors with PyTorch's names and layouts, and back (throws Error naming what is missing, unknown or
  /// of another shape).
  template <class T> std::vector<BorderTensor> to_border(const T* theta) const;
  template <class T> std::vector<T> from_border(const std::vector<BorderTensor>&) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One 0 or 1 a slice: patterns are read in order, `*` and `?` as in file names, a leading `!` takes away
/// (`["*", "!norm*"]`). Throws Error that names the owner for a pattern that matches nothing.
std::vector<unsigned char> matching_slices(const std::string& owner, const std::vector<Slice>&,
                                           const std::vector<std::string>& patterns);

/// The loss of a model's layers [first, layer_count()) as an objective; its parameters are those layers' slices. For
/// T = float, double; and once differentiable for std::complex<double>.
/// state: the running statistics (Model::state_size() values), may be null where the model has none. Throws Error where
/// the mode asks for running statistics that a layer does not keep, or where a foreign model has no second derivatives.
template <class T>
std::unique_ptr<Objective<T>> make_objective(const Model&, Mode, const T* state = nullptr, std::size_t first_layer = 0);
template <class T>
std::unique_ptr<FirstOrderObjective<T>> make_first_order_objective(const Model&, Mode, const T* state = nullptr);
/// make_objective, but for foreign models whatever they have, perhaps once differentiable only. For T = float, double.
template <class T>
std::unique_ptr<FirstOrderObjective<T>> make_trained_objective(const Model&, Mode, const T* state = nullptr);

/// Layers [0, layers) as a feature map; of a foreign model the outputs (throws Error where it gives none).
template <class T>
std::unique_ptr<FeatureMap<T>> make_feature_map(const Model&, std::size_t layers, Mode, const T* state = nullptr);

/// Outputs of the model (rows x output size a task) without a loss. tape: batch.tasks * tape_size(rows) elements.
template <class T> class Predictor {
public:
  Predictor(const Model&, Mode, const T* state = nullptr);
  std::size_t tape_size(std::size_t rows) const;
  void operator()(Point<T>, const Batch<T>&, T* tape, T* outputs, std::ptrdiff_t outputs_stride) const;

private:
  std::unique_ptr<FeatureMap<T>> map_;
};

}  // namespace maml
