#include <algorithm>
#include <map>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/nn/layer.h"
#include "maml/nn/loss.h"

namespace maml {

LayerPtr make_linear(const LayerText&, const Shape&);
LayerPtr make_conv2d(const LayerText&, const Shape&);
LayerPtr make_max_pool(const LayerText&, const Shape&);
LayerPtr make_avg_pool(const LayerText&, const Shape&);
LayerPtr make_global_mean(const LayerText&, const Shape&);
LayerPtr make_batch_norm(const LayerText&, const Shape&);
LayerPtr make_layer_norm(const LayerText&, const Shape&);
LayerPtr make_keep(const LayerText&, const Shape&);
LayerPtr make_from(const LayerText&, const Shape&);
LayerPtr make_add(const LayerText&, const Shape&);
LayerPtr make_flatten(const LayerText&, const Shape&);
LayerPtr make_relu(const LayerText&, const Shape&);
LayerPtr make_leaky_relu(const LayerText&, const Shape&);
LayerPtr make_tanh(const LayerText&, const Shape&);
LayerPtr make_sigmoid(const LayerText&, const Shape&);
LayerPtr make_gelu(const LayerText&, const Shape&);
LayerPtr make_gaussian(const LayerText&, const Shape&);

std::unique_ptr<Loss> make_mse(Normalisation);
std::unique_ptr<Loss> make_cross_entropy(Normalisation);
std::unique_ptr<Loss> make_policy_gradient(Normalisation);

namespace {

std::map<std::string, MakeLayer>& layer_list() {
  static std::map<std::string, MakeLayer> list = {
      {"linear", make_linear},
      {"conv2d", make_conv2d},
      {"max_pool", make_max_pool},
      {"avg_pool", make_avg_pool},
      {"global_mean", make_global_mean},
      {"batch_norm", make_batch_norm},
      {"layer_norm", make_layer_norm},
      {"keep", make_keep},
      {"from", make_from},
      {"add", make_add},
      {"flatten", make_flatten},
      {"relu", make_relu},
      {"leaky_relu", make_leaky_relu},
      {"tanh", make_tanh},
      {"sigmoid", make_sigmoid},
      {"gelu", make_gelu},
      {"gaussian", make_gaussian},
  };
  return list;
}

using MakeLoss = std::unique_ptr<Loss> (*)(Normalisation);
const std::map<std::string, MakeLoss>& loss_list() {
  static const std::map<std::string, MakeLoss> list = {
      {"mse", make_mse}, {"cross_entropy", make_cross_entropy}, {"policy_gradient", make_policy_gradient}};
  return list;
}

template <class Map> std::vector<std::string> keys(const Map& map) {
  std::vector<std::string> names;
  for (const auto& [name, make] : map) names.push_back(name);
  return names;
}

}  // namespace

std::size_t checked_size(const std::string& owner, const std::vector<std::size_t>& extents) {
  constexpr std::size_t most = std::size_t{1} << 26;
  std::size_t size = 1;
  for (const std::size_t extent : extents) {
    require(extent <= most / size, owner, "is too large: ", to_string(Shape{extents}), " is more than ", most,
            " elements (use smaller sizes)");
    size *= std::max<std::size_t>(extent, 1);
  }
  return size;
}

std::vector<std::size_t> border_extents(const Shape& shape) {
  if (!shape.is_image()) return shape.extents;
  return {shape.extents[2], shape.extents[0], shape.extents[1]};
}

std::vector<std::uint32_t> border_order(const Shape& shape) {
  const auto& image = shape.is_image() ? shape.extents : shape.flattened_from;
  if (image.size() != 3) return {};
  std::vector<std::uint32_t> order;
  order.reserve(shape.size());
  const std::size_t pixels = image[0] * image[1], channels = image[2];
  for (std::size_t channel = 0; channel < channels; ++channel)
    for (std::size_t pixel = 0; pixel < pixels; ++pixel)
      order.push_back(static_cast<std::uint32_t>(pixel * channels + channel));
  return order;
}

std::vector<std::string> layer_kinds() {
  return keys(layer_list());
}

void add_layer(const std::string& kind, MakeLayer make) {
  require(layer_list().emplace(kind, make).second, "add_layer", "the kind '", kind, "' exists (choose another name)");
}

LayerPtr make_layer(const std::string& text, const Shape& input) {
  const LayerText parsed(text);
  const auto found = layer_list().find(parsed.kind());
  require(found != layer_list().end(), "layers", "unknown layer '", parsed.kind(), "'",
          did_you_mean(parsed.kind(), layer_kinds()), " (known: ", join(layer_kinds()), ")");
  auto layer = found->second(parsed, input);
  parsed.done();
  return layer;
}

std::vector<std::string> loss_names() {
  return keys(loss_list());
}

std::unique_ptr<Loss> make_loss(const std::string& name, const std::string& normalisation) {
  const auto found = loss_list().find(name);
  require(found != loss_list().end(), "model.loss", "unknown loss '", name, "'", did_you_mean(name, loss_names()),
          " (known: ", join(loss_names()), ")");
  require(normalisation == "mean" || normalisation == "sum/shots", "model.normalisation", "'", normalisation,
          "' is not one of mean, sum/shots");
  return found->second(normalisation == "mean" ? Normalisation::mean : Normalisation::sum_over_shots);
}

}  // namespace maml
