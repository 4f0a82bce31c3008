#pragma once

#include <string>
#include <vector>

#include "maml/export/onnx_graph.h"
#include "maml/nn/layer.h"

namespace maml {

/// A float array of the graph, (batch, channels, rows, columns) or (batch, elements). A vector that was flattened from
/// an image {H, W, C} has its elements by channel, row, column, as PyTorch has them; elsewhere `image` is empty, and
/// they lie as in the library.
struct OnnxValue {
  std::string name;
  std::vector<std::size_t> image = {};
};

/// One layer to be written as nodes. Its parameters are constants of the graph already, NAME.weight and so on.
struct OnnxLayer {
  OnnxGraph& graph;
  const std::string& name;  ///< of the layer, and of what it gives
  const LayerInfo& info;
  const LayerText& text;
  OnnxValue x, x2 = {};                  ///< what it reads
  std::string mean = {}, variance = {};  ///< of a layer over statistics, constants; empty: those of the batch at hand
};

/// Appends the layer's nodes; gives what it computes. Throws Error, naming it, for a kind that has no such form.
OnnxValue write_layer(const OnnxLayer&);

/// The same vector with its elements ordered as after a flatten of `image`, or, where that is empty, as in the library.
OnnxValue in_order(OnnxGraph&, const OnnxValue&, const std::vector<std::size_t>& image);

}  // namespace maml
