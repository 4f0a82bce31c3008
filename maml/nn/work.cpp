#include "maml/nn/work.h"

namespace maml {

namespace {

/// Multiply-adds a row of a stretch of layers.
struct Products {
  double forward = 0, backward = 0, hvp = 0;
};

/// `input_gradient`: whether the gradient by the stretch's own inputs is wanted.
Products products(const Model& model, std::size_t first, std::size_t last, const std::vector<unsigned char>& mask,
                  bool input_gradient) {
  Products sum;
  std::size_t slice = 0;
  // Of each layer's output: whether it has a tangent, and whether it is the stretch's own input.
  std::vector<char> live(last + 1, 0), is_input(last + 1, 0);
  const auto at = [&](int source) {
    return static_cast<std::size_t>(source < static_cast<int>(first) ? -1 : source) + 1;
  };
  is_input[0] = 1;
  for (std::size_t i = 0; i < last; ++i) {
    const auto& info = model.layer(i).info();
    const std::size_t slices = info.parameters.size();
    bool adapted = false;
    for (std::size_t p = 0; p < slices; ++p) adapted = adapted || mask.empty() || mask[slice + p];
    const bool weight_adapted = slices > 0 && (mask.empty() || mask[slice]);
    slice += slices;
    if (i < first) continue;
    const double one = info.products_per_row;
    const auto sources = model.sources(i);
    const std::size_t from = at(sources.first);
    const bool comes_live = live[from] || (sources.second != -2 && live[at(sources.second)]);
    live[i + 1] = comes_live || adapted;
    is_input[i + 1] = info.is_view && is_input[from];
    if (info.is_view) continue;
    const bool has_dx = input_gradient || !is_input[from];
    sum.forward += one;
    sum.backward += one * (1 + has_dx);
    sum.hvp += one * (comes_live + weight_adapted);     // outputs
    sum.hvp += one * (1 + comes_live);                  // the weights' gradient
    if (has_dx) sum.hvp += one * (1 + weight_adapted);  // the inputs' gradient
  }
  return sum;
}

}  // namespace

double meta_gradient_flops(const Model& model, const WorkOptions& options) {
  const std::size_t split = options.front_layers;
  const double support = static_cast<double>(options.support_rows), query = static_cast<double>(options.query_rows);
  const double steps = options.inner_steps, queries = options.query_gradients;
  const Products front = products(model, 0, split, options.mask, false);
  const Products inner = products(model, split, model.layer_count(), options.mask, false);
  const Products outer = products(model, split, model.layer_count(), options.mask, split > 0);

  double sum = steps * support * (inner.forward + inner.backward);
  sum += query * (queries > 0 ? queries * (outer.forward + outer.backward) : outer.forward);
  sum += (support + query) * front.forward + queries * query * front.backward;
  if (options.second_order) sum += support * (steps * outer.hvp + (split > 0 ? front.backward : 0));
  return 2 * sum;
}

}  // namespace maml
