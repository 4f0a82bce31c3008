#pragma once

#include <cstddef>

#include "maml/export/embed_format.h"

namespace maml {
class ConvLists;
}

namespace maml::embed {

/// A layer of a file in use.
struct Layer {
  const LayerRecord* record;
  std::size_t inputs, outputs;     ///< elements of a row
  std::size_t parameters, weight;  ///< where its parameters begin, and how many its first slice has
  std::size_t state;               ///< where its running statistics begin
  const ConvLists* lists;          ///< of conv2d
  std::size_t y, cache, dy;        ///< on the tape of a gradient; dy is perhaps y
};

/// A pass over rows.
struct Call {
  const Layer* layers;
  std::size_t layer_count;
  const float *theta, *state, *x;
  std::size_t rows, support_rows;  ///< support_rows: as of Batch
  int step;
  Statistics statistics;
  float* tape;
  std::size_t half;  ///< of a prediction: outputs of layers take turns, so many elements apart; caches follow them
};

/// What a gradient is of.
struct Judge {
  Loss loss;
  Normalisation normalisation;
  const float *y, *weight;  ///< weight: one a row, or null
  std::size_t shots;
};

/// The work, on one instruction set.
struct Engine {
  /// Elements that a layer leaves for its pass back.
  std::size_t (*cache_size)(const Layer&, std::size_t rows);
  /// Layers from `from` on, over the tape as it is before them; then back to layer `frozen`, whose parameters are the
  /// first of g.
  void (*gradient)(const Call&, const Judge&, std::size_t from, std::size_t frozen, float* g);
  /// Outputs of the rows that are not support rows.
  void (*predict)(const Call&, float* outputs);
  /// theta -= rate ⊙ g, rate one number or n.
  void (*step)(std::size_t n, const float* rate, bool is_one, const float* g, float* theta);
};

/// The best that this CPU and this build have, or what the environment variable MAML_ISA names (baseline, avx2,
/// avx512); null where the CPU lacks it.
const Engine* engine();

/// As LayerInfo has them: whether a layer's pass back reads its own outputs, and whether it has done with an element of
/// its inputs before it writes the gradient there.
inline bool reads_outputs(const LayerRecord& record) {
  return record.kind == Kind::max_pool || record.kind == Kind::average_pool;
}
inline bool works_in_place(const LayerRecord& record) {
  return !reads_outputs(record);
}

}  // namespace maml::embed
