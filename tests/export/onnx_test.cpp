#include "maml/export/onnx.h"

#include <cstring>
#include <map>
#include <memory>

#include <doctest/doctest.h>
#include <protozero/pbf_reader.hpp>

#include "maml/base/rng.h"
#include "maml/export/onnx_layers.h"
#include "maml/nn/foreign.h"
#include "maml/train/options.h"
#include "maml/train/support_moments.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/error_of.h"
#include "tests/support/model_cases.h"

using namespace maml;
using maml::test::error_of;

namespace {

struct Attribute {
  float f = 0;
  std::int64_t i = 0;
  std::vector<std::int64_t> ints;
};

struct Node {
  std::string op, name;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, Attribute> attributes;
};

struct Constant {
  std::vector<std::int64_t> dims;
  std::int32_t type = 0;
  std::string bytes;
  std::vector<float> floats() const {
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
};

/// What the bytes of an ONNX file say, by the field numbers of onnx.proto.
struct Read {
  std::int64_t ir_version = 0, opset = 0;
  std::string producer;
  std::vector<Node> nodes;
  std::map<std::string, Constant> constants;
  std::map<std::string, std::vector<std::string>> inputs, outputs;  ///< extents in words
  std::map<std::string, std::string> metadata;

  const Node& node(const std::string& name) const {
    for (const auto& each : nodes)
      if (each.name == name) return each;
    fail(name, "is no node");
  }
  std::vector<std::string> ops() const {
    std::vector<std::string> list;
    for (const auto& each : nodes) list.push_back(each.op);
    return list;
  }
};

using Reader = protozero::pbf_reader;

Node read_node(Reader message) {
  Node node;
  while (message.next()) switch (message.tag()) {
    case 1:
      node.inputs.push_back(message.get_string());
      break;
    case 2:
      node.outputs.push_back(message.get_string());
      break;
    case 3:
      node.name = message.get_string();
      break;
    case 4:
      node.op = message.get_string();
      break;
    case 5: {
      Reader attribute = message.get_message();
      std::string name;
      Attribute value;
      while (attribute.next()) switch (attribute.tag()) {
        case 1:
          name = attribute.get_string();
          break;
        case 2:
          value.f = attribute.get_float();
          break;
        case 3:
          value.i = attribute.get_int64();
          break;
        case 8:
          value.ints.push_back(attribute.get_int64());
          break;
        default:
          attribute.skip();
        }
      node.attributes[name] = value;
      break;
    }
    default:
      message.skip();
    }
  return node;
}

void read_constant(Reader message, std::map<std::string, Constant>& constants) {
  Constant constant;
  std::string name;
  while (message.next()) switch (message.tag()) {
    case 1:
      constant.dims.push_back(message.get_int64());
      break;
    case 2:
      constant.type = message.get_int32();
      break;
    case 8:
      name = message.get_string();
      break;
    case 9:
      constant.bytes = message.get_bytes();
      break;
    default:
      message.skip();
    }
  CHECK(constants.emplace(name, constant).second);
}

void read_value(Reader message, std::map<std::string, std::vector<std::string>>& values) {
  std::string name;
  std::vector<std::string> extents;
  while (message.next()) {
    if (message.tag() == 1) {
      name = message.get_string();
      continue;
    }
    Reader type = message.get_message();
    REQUIRE(type.next(1));
    Reader tensor = type.get_message();
    while (tensor.next()) {
      if (tensor.tag() == 1) {
        CHECK(tensor.get_int32() == 1);
        continue;
      }
      Reader shape = tensor.get_message();
      while (shape.next(1)) {
        Reader extent = shape.get_message();
        while (extent.next())
          extents.push_back(extent.tag() == 1 ? std::to_string(extent.get_int64()) : extent.get_string());
      }
    }
  }
  values[name] = extents;
}

Read parsed(const std::string& bytes) {
  Read file;
  Reader model(bytes);
  while (model.next()) switch (model.tag()) {
    case 1:
      file.ir_version = model.get_int64();
      break;
    case 2:
      file.producer = model.get_string();
      break;
    case 7: {
      Reader graph = model.get_message();
      while (graph.next()) switch (graph.tag()) {
        case 1:
          file.nodes.push_back(read_node(graph.get_message()));
          break;
        case 5:
          read_constant(graph.get_message(), file.constants);
          break;
        case 11:
          read_value(graph.get_message(), file.inputs);
          break;
        case 12:
          read_value(graph.get_message(), file.outputs);
          break;
        default:
          graph.skip();
        }
      break;
    }
    case 8: {
      Reader opset = model.get_message();
      REQUIRE(opset.next(2));
      file.opset = opset.get_int64();
      break;
    }
    case 14: {
      Reader property = model.get_message();
      REQUIRE(property.next(1));
      const std::string key = property.get_string();
      REQUIRE(property.next(2));
      file.metadata[key] = property.get_string();
      break;
    }
    default:
      model.skip();
    }
  return file;
}

LoadedModel trained(const ModelOptions& text, std::uint64_t seed = 1) {
  LoadedModel loaded;
  loaded.options.model = text;
  loaded.model = std::make_unique<Model>(text);
  loaded.weights.parameters = loaded.model->initial<float>(seed);
  loaded.weights.state = loaded.model->initial_state<float>();
  return loaded;
}

std::vector<float> random_values(std::size_t count) {
  Rng rng(3, Purpose::check, 1);
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<float>(rng.normal()));
  return values;
}

/// As if adapted, to random examples.
AdaptedModel adapted(const LoadedModel& loaded, std::optional<Statistics> statistics, std::size_t classes, int steps,
                     std::size_t rows = 6) {
  AdaptedModel::Parts parts;
  parts.parameters = loaded.weights.parameters;
  parts.state = loaded.weights.state;
  parts.classes = classes;
  parts.steps = steps;
  parts.statistics = statistics;
  if (statistics == Statistics::support) parts.support.x = random_values(rows * loaded.model->input().size());
  return AdaptedModel(*loaded.model, std::move(parts));
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("an ONNX file holds the layers as nodes and the parameters under their names") {
  const LoadedModel loaded =
      trained({{6, 5, 2},
               {"conv2d 3 kernel=3 stride=2", "batch_norm gamma=false", "relu", "flatten", "linear 4"},
               "cross_entropy",
               "mean"});
  const auto model = adapted(loaded, Statistics::support, 3, 2);
  const Read file = parsed(format_onnx(loaded, model, {{"config", "x"}, {"steps", "2"}}, "f"));
  CHECK(file.ir_version == 8);
  CHECK(file.opset == 17);
  CHECK(file.producer == "maml.cpp");
  CHECK(file.metadata == std::map<std::string, std::string>{{"config", "x"}, {"steps", "2"}});
  CHECK(file.inputs.at("x") == Texts{"batch", "2", "6", "5"});
  CHECK(file.outputs.at("outputs") == Texts{"batch", "4"});
  CHECK(file.outputs.at("probabilities") == Texts{"batch", "3"});
  CHECK(file.ops() == Texts{"Conv", "BatchNormalization", "Relu", "Flatten", "Gemm", "Identity", "Slice", "Softmax"});

  // 6 rows at stride 2 and kernel 3: nothing before, one behind; 5 columns: one on each side.
  CHECK(file.node("conv1").attributes.at("pads").ints == std::vector<std::int64_t>{0, 1, 1, 1});
  CHECK(file.node("conv1").attributes.at("strides").ints == std::vector<std::int64_t>{2, 2});
  CHECK(file.node("conv1").inputs == Texts{"x", "conv1.weight", "conv1.bias"});
  CHECK(file.node("norm1").inputs ==
        Texts{"conv1", "norm1.ones", "norm1.bias", "support.norm1.mean", "support.norm1.var"});
  CHECK(file.node("norm1").attributes.at("epsilon").f == 1e-3F);
  CHECK(file.node("linear1").attributes.at("transB").i == 1);
  for (const auto& tensor : loaded.model->to_border(model.parameters().data())) {
    const Constant& constant = file.constants.at(tensor.name);
    CHECK(constant.type == 1);
    CHECK(constant.dims == std::vector<std::int64_t>(tensor.shape.begin(), tensor.shape.end()));
    CHECK(constant.floats() == std::vector<float>(tensor.values.begin(), tensor.values.end()));
  }
  const auto moments = support_moments(*loaded.model, model, 1);
  CHECK(file.constants.at("support.norm1.mean").floats() == moments.mean);
  CHECK(file.constants.at("support.norm1.var").floats() == moments.variance);

  const maml_test::ScratchFolder folder;
  write_onnx(folder.file("a.onnx"), loaded, model, {});
  CHECK(maml_test::bytes_of(folder.file("a.onnx")) == format_onnx(loaded, model, {}, "f"));
  CHECK(folder.files() == 1);
}

TEST_CASE("moments of the support set are those of what a layer reads") {
  const LoadedModel loaded =
      trained({{3, 2, 2}, {"keep a", "tanh", "from a", "batch_norm", "flatten", "linear 2"}, "cross_entropy", "mean"});
  const auto model = adapted(loaded, Statistics::support, 2, 1, 4);
  const auto moments = support_moments(*loaded.model, model, 3);  // reads the model's input, past two views
  const auto& x = model.support().x;
  for (std::size_t channel = 0; channel < 2; ++channel) {
    double sum = 0, squares = 0;
    for (std::size_t i = channel; i < x.size(); i += 2) sum += static_cast<double>(x[i]);
    const double mean = sum / 24;
    for (std::size_t i = channel; i < x.size(); i += 2)
      squares += (static_cast<double>(x[i]) - mean) * (static_cast<double>(x[i]) - mean);
    CHECK(static_cast<double>(moments.mean[channel]) == doctest::Approx(mean));
    CHECK(static_cast<double>(moments.variance[channel]) == doctest::Approx(squares / 24));
  }
  const auto running = trained({{2}, {"linear 2", "batch_norm mode=running", "linear 2"}, "mse", "mean"});
  const auto without = adapted(running, Statistics::running, 0, 1);
  CHECK(error_of([&] { support_moments(*running.model, without, 1); }) ==
        "[norm1] takes no statistics of a support set");
}

TEST_CASE("every layer is written, adapted or not") {
  for (const auto& each : maml::test::model_cases()) {
    CAPTURE(each.name);
    const LoadedModel loaded = trained(each.model);
    const std::size_t classes = each.model.loss == "cross_entropy" ? loaded.model->output().size() : 0;
    const Read as_it_is = parsed(format_onnx(loaded, unadapted(loaded), {}, "f"));
    CHECK(as_it_is.outputs.at("outputs").back() == std::to_string(loaded.model->output().size()));
    CHECK(as_it_is.outputs.count("probabilities") == (classes > 0));
    const auto statistics = unadapted(loaded).statistics();
    if (statistics != Statistics::transductive) continue;
    const Read held = parsed(format_onnx(loaded, adapted(loaded, Statistics::support, classes, 1), {}, "f"));
    CHECK(held.nodes.size() < as_it_is.nodes.size());
    for (const auto& node : held.nodes) CHECK(node.op != "ReduceMean");
  }
}

TEST_CASE("parameters and statistics kept for each step are those of the last step taken") {
  LoadedModel loaded = trained({{2}, {"linear 3", "batch_norm mode=running per_step=2", "linear 1"}, "mse", "mean"});
  loaded.weights.parameters = random_values(loaded.weights.parameters.size());
  for (std::size_t i = 0; i < loaded.weights.state.size(); ++i) loaded.weights.state[i] = static_cast<float>(i);
  for (const int steps : {0, 1, 5}) {
    const Read file = parsed(format_onnx(loaded, adapted(loaded, Statistics::running, 0, steps), {}, "f"));
    const std::size_t set = steps == 0 ? 0 : 1;
    CHECK(file.constants.at("norm1.weight").dims == std::vector<std::int64_t>{3});
    const auto weights = loaded.model->to_border(loaded.weights.parameters.data())[2];
    REQUIRE(weights.name == "norm1.weight");
    CHECK(file.constants.at("norm1.weight").floats()[0] == static_cast<float>(weights.values[3 * set]));
    const auto first = static_cast<float>(3 * set);
    CHECK(file.constants.at("state.norm1.running_mean").floats() == std::vector<float>{first, first + 1, first + 2});
    CHECK(file.constants.at("state.norm1.running_var").floats() == std::vector<float>{first + 6, first + 7, first + 8});
  }
}

TEST_CASE("a flattened image has its elements by channel in the file and as in the library at its end") {
  // The norm's statistics are the library's, by pixel; its constants come by channel. The outputs turn back.
  LoadedModel loaded = trained({{1, 2, 2}, {"flatten", "batch_norm mode=running", "relu"}, "mse", "mean"});
  loaded.weights.state = {0, 1, 2, 3, 1, 1, 1, 1};
  const Read file = parsed(format_onnx(loaded, unadapted(loaded), {}, "f"));
  CHECK(file.constants.at("state.norm1.running_mean").floats() == std::vector<float>{0, 2, 1, 3});
  CHECK(file.ops() == Texts{"Flatten", "BatchNormalization", "Relu", "Gather", "Identity"});
  const Constant& order = file.constants.at("relu1.order");
  CHECK(order.type == 7);
  std::vector<std::int64_t> places(4);
  REQUIRE(order.bytes.size() == 32);
  std::memcpy(places.data(), order.bytes.data(), 32);
  CHECK(places == std::vector<std::int64_t>{0, 2, 1, 3});
  // As many units as inputs are no image's elements.
  const auto same_size = trained({{1, 2, 2}, {"flatten", "linear 4", "linear 1"}, "mse", "mean"});
  CHECK(parsed(format_onnx(same_size, unadapted(same_size), {}, "f")).ops() ==
        Texts{"Flatten", "Gemm", "Gemm", "Identity"});
}

TEST_CASE("a model that somebody else computes is refused") {
  ForeignModel theirs;
  theirs.name = "theirs";
  theirs.input = Shape{{2}};
  theirs.parameters.push_back({"weight", {2}, {1, 2}});
  LoadedModel loaded;
  loaded.model = std::make_unique<Model>(std::move(theirs));
  loaded.weights.parameters = loaded.model->initial<float>(0);
  CHECK(
      error_of([&] { (void)format_onnx(loaded, unadapted(loaded), {}, "a.onnx"); }) ==
      "[a.onnx] cannot be written: the model has no layers of this library (export it by the framework that it is of)");
}

TEST_CASE("a kind of layer that ONNX has no form of here is refused by name") {
  OnnxGraph graph("f");
  const LayerInfo info{"swish", "swish", Shape{{2}}, Shape{{2}}};
  const std::string name = "swish1";
  const LayerText text("swish");
  CHECK(error_of([&] {
          write_layer({graph, name, info, text, {"x"}});
        }) ==
        "[swish1] is a layer of the kind 'swish', which has no form in ONNX here (export --format safetensors, and "
        "build the model where it is to run)");
}
