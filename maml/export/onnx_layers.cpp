#include "maml/export/onnx_layers.h"

#include <map>
#include <numeric>
#include <tuple>

#include "maml/base/error.h"
#include "maml/nn/conv_text.h"
#include "maml/nn/norm_epsilon.h"
#include "maml/nn/pool_windows.h"

namespace maml {

namespace {

using Ints = std::vector<std::int64_t>;

Ints ints(std::initializer_list<std::size_t> values) {
  return {values.begin(), values.end()};
}

/// A node that keeps the order of elements.
OnnxValue same_order(const OnnxLayer& l, const char* op, const std::vector<OnnxGraph::Attribute>& attributes = {}) {
  return {l.graph.node(op, l.name, {l.x.name}, attributes), l.x.image};
}

std::string parameter(const OnnxLayer& l, const char* which) {
  return l.name + "." + which;
}

bool has_parameter(const OnnxLayer& l, const char* which) {
  for (const auto& spec : l.info.parameters)
    if (spec.name == which) return true;
  return false;
}

/// x, weight and, where the layer has one, bias.
std::vector<std::string> with_parameters(const OnnxLayer& l, const OnnxValue& x) {
  std::vector<std::string> inputs = {x.name, parameter(l, "weight")};
  if (has_parameter(l, "bias")) inputs.push_back(parameter(l, "bias"));
  return inputs;
}

/// x in the order that the layer's parameters at the border are for.
OnnxValue as_at_border(const OnnxLayer& l) {
  return in_order(l.graph, l.x, l.info.input.flattened_from);
}

std::string number(const OnnxLayer& l, const char* which, float value) {
  return l.graph.floats(parameter(l, which), {}, {&value, 1});
}

OnnxValue linear(const OnnxLayer& l) {
  return {l.graph.node("Gemm", l.name, with_parameters(l, as_at_border(l)), {{"transB", std::int64_t{1}}})};
}

OnnxValue conv2d(const OnnxLayer& l) {
  const ConvAxis rows = conv_axis(l.text, l.info.input, 0), columns = conv_axis(l.text, l.info.input, 1);
  return {l.graph.node("Conv", l.name, with_parameters(l, l.x),
                       {{"kernel_shape", ints({rows.kernel, columns.kernel})},
                        {"strides", ints({rows.stride, columns.stride})},
                        {"pads", ints({rows.before, columns.before, padding_behind(rows), padding_behind(columns)})}})};
}

OnnxValue pool(const OnnxLayer& l, const char* op) {
  const PoolWindows windows = PoolWindows::make(l.text, l.info.input);
  return same_order(
      l, op,
      {{"kernel_shape", ints({windows.rows, windows.columns})}, {"strides", ints({windows.stride, windows.stride})}});
}

OnnxValue max_pool(const OnnxLayer& l) {
  return pool(l, "MaxPool");
}

OnnxValue avg_pool(const OnnxLayer& l) {
  return pool(l, "AveragePool");
}

OnnxValue global_mean(const OnnxLayer& l) {
  const std::string means = l.graph.node("GlobalAveragePool", l.name + ".pixel", {l.x.name});
  return {l.graph.node("Flatten", l.name, {means}, {{"axis", std::int64_t{1}}})};
}

OnnxValue flatten(const OnnxLayer& l) {
  if (!l.info.input.is_image()) return l.x;
  return {l.graph.node("Flatten", l.name, {l.x.name}, {{"axis", std::int64_t{1}}}), l.info.input.extents};
}

/// Mean and variance of a batch by channel, as nodes.
std::pair<std::string, std::string> batch_statistics(const OnnxLayer& l, const OnnxValue& x) {
  const Ints over = l.info.input.is_image() ? Ints{0, 2, 3} : Ints{0}, all = {-1};
  const auto mean_of = [&](const std::string& value, const std::string& name, std::int64_t keeps) {
    return l.graph.node("ReduceMean", name, {value}, {{"axes", over}, {"keepdims", keeps}});
  };
  const std::string centre = mean_of(x.name, l.name + ".centre", 1);
  const std::string distance = l.graph.node("Sub", l.name + ".distance", {x.name, centre});
  const std::string square = l.graph.node("Mul", l.name + ".square", {distance, distance});
  const std::string vector = l.graph.integers(l.name + ".vector", all);
  return {l.graph.node("Reshape", l.name + ".mean", {centre, vector}), mean_of(square, l.name + ".var", 0)};
}

OnnxValue batch_norm(const OnnxLayer& l) {
  const OnnxValue x = as_at_border(l);
  std::string weight = parameter(l, "weight"), mean = l.mean, variance = l.variance;
  if (!has_parameter(l, "weight")) {
    const std::vector<float> ones(l.info.input.channels(), 1);
    weight = l.graph.floats(parameter(l, "ones"), {ones.size()}, ones);
  }
  if (mean.empty()) std::tie(mean, variance) = batch_statistics(l, x);
  return {l.graph.node("BatchNormalization", l.name, {x.name, weight, parameter(l, "bias"), mean, variance},
                       {{"epsilon", static_cast<float>(norm_epsilon(l.text))}}),
          x.image};
}

OnnxValue layer_norm(const OnnxLayer& l) {
  const OnnxValue x = as_at_border(l);
  return {l.graph.node("LayerNormalization", l.name, with_parameters(l, x),
                       {{"axis", std::int64_t{1}}, {"epsilon", static_cast<float>(norm_epsilon(l.text))}}),
          x.image};
}

/// `keep` and `from`: the model says what they show.
OnnxValue named(const OnnxLayer& l) {
  return l.x;
}

OnnxValue add(const OnnxLayer& l) {
  const OnnxValue other = in_order(l.graph, l.x2, l.x.image);
  return {l.graph.node("Add", l.name, {l.x.name, other.name}), l.x.image};
}

OnnxValue relu(const OnnxLayer& l) {
  return same_order(l, "Relu");
}

OnnxValue leaky_relu(const OnnxLayer& l) {
  return same_order(l, "LeakyRelu", {{"alpha", static_cast<float>(l.info.slope.value())}});
}

OnnxValue tanh_layer(const OnnxLayer& l) {
  return same_order(l, "Tanh");
}

OnnxValue sigmoid_layer(const OnnxLayer& l) {
  return same_order(l, "Sigmoid");
}

/// x / 2 (1 + tanh(c (x + a x^3))); an operator of its own comes with opset 20.
OnnxValue gelu(const OnnxLayer& l) {
  const auto node = [&](const char* op, const char* name, const std::vector<std::string>& inputs) {
    return l.graph.node(op, parameter(l, name), inputs);
  };
  const std::string& x = l.x.name;
  const std::string cube = node("Mul", "cube", {node("Mul", "square", {x, x}), x});
  const std::string sum = node("Add", "sum", {x, node("Mul", "bent", {cube, number(l, "a", 0.044715F)})});
  const std::string curve = node("Tanh", "curve", {node("Mul", "scaled", {sum, number(l, "c", 0.7978845608F)})});
  const std::string above = node("Add", "above", {curve, number(l, "one", 1)});
  const std::string half = node("Mul", "halved", {x, number(l, "half", 0.5F)});
  return {l.graph.node("Mul", l.name, {half, above}), l.x.image};
}

/// The means, then log_std for every row.
OnnxValue gaussian(const OnnxLayer& l) {
  const std::string means = in_order(l.graph, l.x, {}).name;
  const std::string shape = l.graph.node("Shape", l.name + ".shape", {means});
  const std::string log_std = l.graph.node("Expand", l.name + ".rows", {parameter(l, "log_std"), shape});
  return {l.graph.node("Concat", l.name, {means, log_std}, {{"axis", std::int64_t{1}}})};
}

using WriteLayer = OnnxValue (*)(const OnnxLayer&);
const std::map<std::string, WriteLayer>& written_kinds() {
  static const std::map<std::string, WriteLayer> list = {
      {"linear", linear},
      {"conv2d", conv2d},
      {"max_pool", max_pool},
      {"avg_pool", avg_pool},
      {"global_mean", global_mean},
      {"batch_norm", batch_norm},
      {"layer_norm", layer_norm},
      {"keep", named},
      {"from", named},
      {"add", add},
      {"flatten", flatten},
      {"relu", relu},
      {"leaky_relu", leaky_relu},
      {"tanh", tanh_layer},
      {"sigmoid", sigmoid_layer},
      {"gelu", gelu},
      {"gaussian", gaussian},
  };
  return list;
}

/// Where each element of a vector lies in the library.
std::vector<std::uint32_t> places(const std::vector<std::size_t>& image, std::size_t size) {
  auto order = border_order(Shape{{size}, image});
  if (order.empty()) {
    order.resize(size);
    std::iota(order.begin(), order.end(), 0U);
  }
  return order;
}

std::size_t elements(const std::vector<std::size_t>& image) {
  return Shape{image}.size();
}

}  // namespace

OnnxValue write_layer(const OnnxLayer& layer) {
  const auto found = written_kinds().find(layer.info.kind);
  require(found != written_kinds().end(), layer.name, "is a layer of the kind '", layer.info.kind,
          "', which has no form in ONNX here (export --format safetensors, and build the model where it is to run)");
  return found->second(layer);
}

OnnxValue in_order(OnnxGraph& graph, const OnnxValue& value, const std::vector<std::size_t>& image) {
  if (value.image.size() != 3 && image.size() != 3) return value;
  const std::size_t size = elements(value.image.size() == 3 ? value.image : image);
  const auto is = places(value.image, size), wanted = places(image, size);
  if (is == wanted) return {value.name, image};
  std::vector<std::int64_t> found(size), indices;
  for (std::size_t e = 0; e < size; ++e) found[is[e]] = static_cast<std::int64_t>(e);
  for (const auto place : wanted) indices.push_back(found[place]);
  const std::string places_in_it = graph.integers(value.name + ".order", indices);
  return {graph.node("Gather", value.name + ".ordered", {value.name, places_in_it}, {{"axis", std::int64_t{1}}}),
          image};
}

}  // namespace maml
