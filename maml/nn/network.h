#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "maml/nn/model.h"

namespace maml {

/// Layers [first, last) of a model, as passes over a tape. The tape of one task holds for each layer its output, its
/// cache and the gradient by its output; tangents lie in a second array at the same places.
class Network {
public:
  static constexpr std::size_t max_layers = 200;

  Network(const Model&, std::size_t first, std::size_t last);

  std::size_t parameters() const { return parameters_; }
  std::size_t outputs() const { return outputs_; }
  std::size_t tape_size(std::size_t rows) const { return layout(rows).total; }
  const Model& model() const { return model_; }

  /// What all layers of a call have in common.
  template <class P> struct Call {
    using Scalar = typename P::Scalar;
    std::size_t tasks, rows, support_rows;
    int step;
    bool evaluating;
    Strided<P> x, theta, tape;
    const Scalar* state = nullptr;                ///< the model's whole state
    const unsigned char* active = nullptr;        ///< see Direction; tangent pass only
  };

  /// Runs the layers; their outputs are then on the tape. Adds to state_delta unless null.
  template <class P>
  void forward(const Call<P>&, typename P::Scalar* state_delta, std::ptrdiff_t state_stride) const;
  /// Runs them back. The gradient by the outputs must be on the tape; dx may be null.
  template <class P> void backward(const Call<P>&, Strided<P> dx, Strided<P> d_theta) const;

  /// Where outputs and the gradient by them lie on the tape.
  template <class P> Strided<P> output(const Call<P>&) const;
  template <class P> Strided<P> d_output(const Call<P>&) const;

private:
  struct Layout {
    std::array<std::size_t, max_layers> y, cache, dy;
    std::size_t total;
  };
  struct Entry {
    const Layer* layer;
    int input;  ///< the entry whose output it reads, -1: the batch
    std::size_t parameter_offset, first_slice, state_offset;
  };
  Layout layout(std::size_t rows) const;
  template <class P> LayerCall<P> layer_call(const Call<P>&, const Entry&, std::uint32_t active) const;
  std::uint32_t active_bits(const Entry&, const unsigned char* active) const;
  /// Whether the outputs of each entry have a tangent that may differ from zero.
  template <class P> std::array<bool, max_layers> live(const Call<P>&) const;

  const Model& model_;
  std::vector<Entry> entries_;  ///< views left out
  std::size_t parameters_ = 0, outputs_ = 0;
};

}  // namespace maml
