#include <algorithm>

#include "maml/algorithms/algorithm.h"
#include "maml/train/bench.h"
#include "maml/train/inner_loop.h"

namespace maml {

namespace {

/// The products of one layer: multiply-adds of its forward pass over one row, and whether an inner step moves its
/// parameters.
struct LayerProducts {
  double products = 0;
  bool adapted = false;
};

/// Multiply-adds a row of a stretch of layers. The gradient by the first layer's input is wanted only `with_dx`.
struct Passes {
  std::vector<LayerProducts> layers;

  double forward() const {
    double sum = 0;
    for (const auto& layer : layers) sum += layer.products;
    return sum;
  }
  double first() const {
    for (const auto& layer : layers)
      if (layer.products > 0) return layer.products;
    return 0;
  }
  double backward(bool with_dx) const { return 2 * forward() - (with_dx ? 0 : first()); }
  double gradient(bool with_dx) const { return forward() + backward(with_dx); }

  /// Tangent pass forward, then back; products with a null tangent drop out.
  double hessian_product(bool with_dx) const {
    double sum = 0;
    bool live = false;  // the tangent of what comes in
    std::size_t first = layers.size();
    std::vector<bool> live_input(layers.size());
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const auto& layer = layers[i];
      live_input[i] = live;
      sum += layer.products * (live + layer.adapted);
      live = live || layer.adapted;
      if (layer.products > 0) first = std::min(first, i);
    }
    if (!live) return 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const auto& layer = layers[i];
      sum += layer.products * (1 + live_input[i]);                             // the weights' gradient
      if (i != first || with_dx) sum += layer.products * (1 + layer.adapted);  // the input's gradient
    }
    return sum;
  }
};

Passes layers_of(const Model& model, const RateLayout& layout, std::size_t first, std::size_t last) {
  Passes passes;
  std::size_t slice = 0;
  for (std::size_t i = 0; i < last; ++i) {
    const auto& info = model.layer(i).info();
    LayerProducts layer{info.products_per_row, false};
    for (std::size_t p = 0; p < info.parameters.size(); ++p, ++slice) layer.adapted |= layout.mask()[slice] != 0;
    if (i >= first) passes.layers.push_back(layer);
  }
  return passes;
}

}  // namespace

double meta_iteration_flops(const Experiment& experiment) {
  const Model& model = *experiment.model;
  const Options& options = experiment.options;
  const AlgorithmTraits traits = algorithm(options.outer.algorithm).traits;
  EpisodeOptions episode;
  episode.ways = options.data.ways;
  episode.shots = options.data.shots;
  episode.query_shots = options.data.query_shots;
  episode.inner_batch = options.inner.batch;
  episode.inner_steps = options.inner.steps;
  episode.couple_query = model.couples_query();
  const EpisodeShape shape = episode_shape(model, *experiment.domain, episode);
  const double support = static_cast<double>(shape.support_rows), query = static_cast<double>(shape.query_rows);

  const InnerLoop<float> loop(model, options.inner);
  const int steps = traits.adapts ? options.inner.steps : 0;
  const std::size_t split = shape.fixed_support && steps > 0 ? loop.front_layers() : 0;
  const bool has_front = split > 0, displaces = traits.inner_minibatches;
  const Passes front = layers_of(model, loop.layout(), 0, split);
  const Passes head = layers_of(model, loop.layout(), split, model.layer_count());

  double queries = 1;  // query gradients: after the last step, and where step weights ask for more
  for (int k = 0; k < steps && !options.inner.step_weights.empty(); ++k)
    queries += options.inner.step_weights[static_cast<std::size_t>(k)] != 0;
  double sum = steps * support * head.gradient(false);
  if (traits.second_order) sum += steps * support * head.hessian_product(has_front);
  sum += displaces ? query * head.forward() : queries * query * head.gradient(has_front);
  sum += (support + query) * front.forward();
  if (has_front && !displaces) sum += queries * query * front.backward(false);
  if (has_front && traits.second_order) sum += support * front.backward(false);
  return 2 * sum * static_cast<double>(options.data.tasks * options.outer.accumulate);
}

}  // namespace maml
