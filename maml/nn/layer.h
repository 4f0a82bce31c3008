#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "maml/base/shape.h"
#include "maml/kernels/pass.h"
#include "maml/nn/init.h"
#include "maml/nn/layer_text.h"
#include "maml/nn/mode.h"

namespace maml {

/// A part of the parameter vector that a layer asks for.
struct ParameterSpec {
  std::string name;  ///< `weight`, `bias`
  std::size_t size = 0;
  Init init;
  /// PyTorch's shape, and where its elements lie: border element e is order[e] inside the slice (empty: e).
  std::vector<std::size_t> border_shape;
  std::vector<std::uint32_t> order = {};
};

/// Running statistics that a layer keeps; not parameters. `initial` fills them.
struct StateSpec {
  std::string name;
  std::size_t size = 0;
  double initial = 0;
  std::size_t sets = 1;  ///< side by side, one an inner step; steps beyond the last use the last
};

/// What a layer is, fixed on construction.
struct LayerInfo {
  std::string kind;    ///< as in the text: `conv2d`
  std::string prefix;  ///< of its names: `conv` makes conv1, conv2, ..
  Shape input, output;
  std::vector<ParameterSpec> parameters = {};
  std::vector<StateSpec> state = {};
  bool is_view = false;                       ///< output is the input under another shape; no pass runs
  std::optional<Statistics> statistics = {};  ///< of layers over batch statistics: which, unless the call says
  bool depends_on_step = false;               ///< keeps parameters for each inner step
  double products_per_row = 0;                ///< multiply-adds of one forward pass over one row, real pixels only
  bool reads_output = true;                   ///< backward reads y
  bool works_in_place = false;                ///< backward has done with an element of x before it writes it in dx
  bool works_by_rows = false;                 ///< rows do not meet: a pass may come as several (LayerCall::continues)
  std::size_t chunk_rows = 0;                 ///< of a layer whose passes have stages (Stage), rows of a chunk; else 0
  std::optional<double> slope = {};           ///< of a rectifier (x above 0, else slope x), which others may take in
  std::size_t window = 0;                     ///< of a max pooling over windows side by side, likewise
};

/// The parts of a pass of a layer over statistics of its rows, so that it can work on rows while they are in the
/// processor's cache, beside a layer before it that works by rows. Forward: `rows` for each chunk of `chunk_rows` rows
/// in turn, then `joint`. Backward: `joint`, then `rows` for each chunk, which writes these rows of dx. `all`: the same
/// in one call, to the same bits.
enum class Stage { all, rows, joint };

/// An array of the call, for every task: task i's part lies `stride` further (tangents have a stride of their own).
template <class P> struct Strided;
template <class T> struct Strided<Value<T>> {
  typename Value<T>::Ref base;
  std::ptrdiff_t stride = 0;
  typename Value<T>::Ref task(std::size_t i) const { return base + static_cast<std::ptrdiff_t>(i) * stride; }
};
template <class T> struct Strided<Tangent<T>> {
  typename Tangent<T>::Ref base;
  std::ptrdiff_t stride = 0, tangent_stride = 0;
  typename Tangent<T>::Ref task(std::size_t i) const {
    const auto n = static_cast<std::ptrdiff_t>(i);
    return {base.value ? base.value + n * stride : nullptr, base.tangent ? base.tangent + n * tangent_stride : nullptr};
  }
};

/// One call of one layer for a group of tasks.
template <class P> struct LayerCall {
  using Scalar = typename P::Scalar;
  std::size_t tasks = 1, rows = 0;
  std::size_t support_rows = 0;                      ///< see Batch
  int step = 0;                                      ///< inner step, for parameters kept per step
  bool evaluating = false;                           ///< running statistics are read
  Statistics statistics = Statistics::transductive;  ///< the call's, else the layer's
  Stage stage = Stage::all;
  std::size_t first_row = 0;  ///< of the chunk, in stage `rows`
  /// Of a layer that works by rows: rows of the same pass went before, so backward adds to d_parameters and finds in
  /// the cache what it left there.
  bool continues = false;
  Strided<P> x, y, cache;      ///< forward reads x and writes y and cache; backward reads all three,
                               ///< and may write to cache what its tangent reads
  Strided<P> parameters;       ///< the layer's part of theta
  std::uint32_t active = ~0u;  ///< bit i: parameter slice i has a tangent that may differ from zero
  /// Backward reads dy and writes dx (null: not wanted). What a pass has written it may read back only to add to it: in
  /// the tangent pass values are the tape's.
  Strided<P> dy, dx;
  Strided<P> x2, dx2;       ///< of layers with two inputs
  Strided<P> d_parameters;  ///< backward overwrites it
  const Scalar* state = nullptr;
  Scalar* state_delta = nullptr;  ///< forward adds to it (null: not wanted)
  std::ptrdiff_t state_stride = 0;
};

/// A stateless layer: passes over arrays of a group of tasks. Made by `VectorLayer` (layer-inl.h) from one class with
/// one forward and one backward template; the five kinds of pass are instances of those two.
class Layer {
public:
  explicit Layer(LayerInfo info) : info_(std::move(info)) {}
  virtual ~Layer() = default;

  const LayerInfo& info() const { return info_; }
  /// Which batch statistics count in a call of this mode; none: the layer's rows do not meet.
  std::optional<Statistics> statistics(Mode mode) const {
    return info_.statistics && mode.statistics ? mode.statistics : info_.statistics;
  }
  /// This layer and the next one, whose input is this one's output, as one that passes over memory once; null where
  /// there is no such layer. It has this layer's parameters and state; the next one has none.
  virtual std::unique_ptr<Layer> joined(const Layer& next) const {
    (void)next;
    return nullptr;
  }
  /// Elements that forward leaves for backward, for a batch of this many rows.
  virtual std::size_t cache_size(std::size_t rows) const = 0;

  virtual void forward(const LayerCall<Value<float>>&) const = 0;
  virtual void forward(const LayerCall<Tangent<float>>&) const = 0;
  virtual void forward(const LayerCall<Value<double>>&) const = 0;
  virtual void forward(const LayerCall<Tangent<double>>&) const = 0;
  virtual void forward(const LayerCall<Value<std::complex<double>>>&) const = 0;
  virtual void backward(const LayerCall<Value<float>>&) const = 0;
  virtual void backward(const LayerCall<Tangent<float>>&) const = 0;
  virtual void backward(const LayerCall<Value<double>>&) const = 0;
  virtual void backward(const LayerCall<Tangent<double>>&) const = 0;
  virtual void backward(const LayerCall<Value<std::complex<double>>>&) const = 0;

private:
  LayerInfo info_;
};

/// Product of extents of a parameter slice or of a layer's border; throws Error where it is above 2^26.
std::size_t checked_size(const std::string& owner, const std::vector<std::size_t>& extents);

/// PyTorch's extents of a row's elements (an image H x W x C is (C, H, W)), and where its elements lie inside: border
/// element e is order[e]; empty where the order is the same. A vector that a flatten made counts as its image.
std::vector<std::size_t> border_extents(const Shape&);
std::vector<std::uint32_t> border_order(const Shape&);

using LayerPtr = std::unique_ptr<Layer>;
/// Makes a layer from its text for inputs of this shape; throws Error where the text does not fit.
using MakeLayer = LayerPtr (*)(const LayerText&, const Shape& input);

/// The kinds of layer: the built-in list (layers.cpp) and those added by `add_layer`.
std::vector<std::string> layer_kinds();
/// Adds a kind of one's own; before models that use it are made, and not while other threads make models. Throws Error
/// where the kind exists.
void add_layer(const std::string& kind, MakeLayer);
/// Parses the text, looks up its kind and makes the layer.
LayerPtr make_layer(const std::string& text, const Shape& input);

}  // namespace maml
