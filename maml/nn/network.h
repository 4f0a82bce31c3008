#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "maml/nn/model.h"

namespace maml {

/// Whether a tape keeps all that a tangent pass reads, or gradients by outputs overwrite outputs where layers allow it.
enum class Tape { kept, spent };

/// Layers [first, last) of a model over a tape. It holds for each layer its output, its cache and the gradient by its
/// output, those of all tasks of the call side by side; tangents lie in a second array at the same places.
class Network {
public:
  static constexpr std::size_t max_layers = 200;

  Network(const Model&, std::size_t first, std::size_t last);

  std::size_t parameters() const { return parameters_; }
  std::size_t outputs() const { return outputs_; }
  std::size_t tape_size(std::size_t rows, Tape tape) const { return layout(rows, tape).total; }
  const Model& model() const { return model_; }

private:
  template <class P> friend class NetworkPass;
  struct Place {
    std::size_t offset, size;  ///< in the tape of a call with one task
  };
  struct Layout {
    std::array<Place, max_layers> y, cache, dy;
    Place extra;  ///< for a gradient that is added to another
    std::size_t total;
  };
  struct Entry {
    const Layer* layer;
    int input, second;  ///< the entries whose outputs it reads, -1: the batch, -2: nothing
    std::size_t parameter_offset, first_slice, state_offset;
    bool runs_with_next = false;  ///< their passes take turns, some rows at a time
  };
  Layout layout(std::size_t rows, Tape) const;

  const Model& model_;
  std::vector<Entry> entries_;    ///< views left out
  std::vector<LayerPtr> joined_;  ///< layers that are several of the model's
  std::vector<int> readers_;      ///< of each entry's output; at the end those of the batch
  std::size_t parameters_ = 0, outputs_ = 0;
};

/// What all layers of a pass have in common.
template <class P> struct NetworkCall {
  std::size_t tasks, rows, support_rows;
  int step;
  Mode mode;
  Strided<P> x, theta;
  typename P::Ref tape;
  const typename P::Scalar* state = nullptr;  ///< the model's whole state
  const unsigned char* active = nullptr;      ///< see Direction; tangent pass only
  Tape keeping = Tape::kept;
};

/// One pass of a network: forward, then backward over the same tape.
template <class P> class NetworkPass {
public:
  using Scalar = typename P::Scalar;
  NetworkPass(const Network&, const NetworkCall<P>&);

  /// Runs the layers; their outputs are then on the tape. Adds to state_delta unless null.
  void forward(Scalar* state_delta, std::ptrdiff_t state_stride) const;
  /// Runs them back. The gradient by the outputs must be on the tape; dx may be null.
  void backward(Strided<P> dx, Strided<P> d_theta) const;

  /// Where outputs and the gradient by them lie on the tape.
  Strided<P> output() const;
  Strided<P> d_output() const;

private:
  std::uint32_t active_bits(const Network::Entry&) const;
  LayerCall<P> layer_call(std::size_t entry) const;
  Strided<P> output_of(int entry) const;
  Strided<P> on_tape(Network::Place) const;

  const Network& network_;
  const NetworkCall<P> call_;
  const Network::Layout places_;
  /// Whether the outputs of each entry have a tangent that may differ from zero.
  std::array<bool, Network::max_layers> live_;
};

}  // namespace maml
