#include "maml/nn/work.h"

namespace maml {

namespace {

/// Multiply-adds a row of layers [first, last): of a gradient pass and of a Hessian-vector product.
struct Products {
  double forward = 0, gradient = 0, hvp = 0;
};

Products products(const Model& model, std::size_t first, std::size_t last, bool wants_input_gradient,
                  const std::vector<unsigned char>& mask) {
  Products sum;
  std::size_t slice = 0;
  bool input_live = false;  // whether the layer's input has a tangent
  for (std::size_t i = 0; i < last; ++i) {
    const auto& info = model.layer(i).info();
    bool active = false;
    for (std::size_t p = 0; p < info.parameters.size(); ++p) active = active || mask.empty() || mask[slice + p];
    const bool weight_active = !info.parameters.empty() && (mask.empty() || mask[slice]);
    slice += info.parameters.size();
    if (i < first) continue;
    const double one = info.products_per_row;
    const bool has_dx = wants_input_gradient || i > first;
    sum.forward += one;
    sum.gradient += one * (has_dx ? 3 : 2);
    const double tangent_forward = one * (input_live + weight_active);
    const double tangent_weight = one * (1 + input_live);
    const double tangent_input = has_dx ? one * (1 + weight_active) : 0;
    sum.hvp += tangent_forward + tangent_weight + tangent_input;
    input_live = input_live || active;
  }
  return sum;
}

}  // namespace

double meta_gradient_flops(const Model& model, const WorkOptions& options) {
  const std::size_t front_layers = options.front_layers;
  const auto head = products(model, front_layers, model.layer_count(), front_layers > 0, options.mask);
  const auto front = products(model, 0, front_layers, false, options.mask);
  const double support = static_cast<double>(options.support_rows), query = static_cast<double>(options.query_rows);
  const double steps = options.inner_steps;
  double sum = head.gradient * (steps * support + query) + front.gradient * query + front.forward * support;
  if (options.second_order) sum += head.hvp * steps * support + (front.gradient - front.forward) * support;
  return 2 * sum;
}

}  // namespace maml
