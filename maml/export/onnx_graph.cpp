#include "maml/export/onnx_graph.h"

#include <cassert>

#include <protozero/pbf_builder.hpp>

#include "maml/base/error.h"

#ifndef MAML_VERSION
#define MAML_VERSION "unknown"
#endif

namespace maml {

namespace {

// Numbers of the fields that are written, as onnx.proto has them; they never change.
using Tag = protozero::pbf_tag_type;
enum class ModelField : Tag {
  ir_version = 1,
  producer_name = 2,
  producer_version = 3,
  graph = 7,
  opset_import = 8,
  metadata_props = 14
};
enum class OpsetField : Tag { version = 2 };
enum class PropertyField : Tag { key = 1, value = 2 };
enum class GraphField : Tag { node = 1, name = 2, initializer = 5, input = 11, output = 12 };
enum class NodeField : Tag { input = 1, output = 2, name = 3, op_type = 4, attribute = 5 };
enum class AttributeField : Tag { name = 1, f = 2, i = 3, ints = 8, type = 20 };
enum class TensorField : Tag { dims = 1, data_type = 2, name = 8, raw_data = 9 };
enum class ValueField : Tag { name = 1, type = 2 };
enum class TypeField : Tag { tensor_type = 1 };
enum class TensorTypeField : Tag { elem_type = 1, shape = 2 };
enum class ShapeField : Tag { dim = 1 };
enum class DimField : Tag { dim_value = 1, dim_param = 2 };

// Values of TensorProto.DataType and AttributeProto.AttributeType.
enum : int { type_float = 1, type_int64 = 7 };
enum : int { attribute_float = 1, attribute_int = 2, attribute_ints = 7 };

template <class Field> using Message = protozero::pbf_builder<Field>;

constexpr std::size_t most_bytes = (std::size_t{1} << 31) - (std::size_t{1} << 20);  // of 2 GiB, 1 MiB for the rest

std::int64_t signed_of(std::size_t n) {
  return static_cast<std::int64_t>(n);
}

/// A ValueInfoProto: floats of shape (batch, row..).
void write_value(std::string& graph, GraphField field, const std::string& name, const OnnxGraph::Dims& row) {
  Message<GraphField> parent(graph);
  Message<ValueField> value(parent, field);
  value.add_string(ValueField::name, name);
  Message<TypeField> type(value, ValueField::type);
  Message<TensorTypeField> tensor(type, TypeField::tensor_type);
  tensor.add_int32(TensorTypeField::elem_type, type_float);
  Message<ShapeField> shape(tensor, TensorTypeField::shape);
  Message<DimField>(shape, ShapeField::dim).add_string(DimField::dim_param, "batch");
  for (const auto extent : row)
    Message<DimField>(shape, ShapeField::dim).add_int64(DimField::dim_value, signed_of(extent));
}

void write_attribute(Message<NodeField>& node, const OnnxGraph::Attribute& given) {
  Message<AttributeField> attribute(node, NodeField::attribute);
  attribute.add_string(AttributeField::name, given.name);
  if (const auto* number = std::get_if<float>(&given.value)) {
    attribute.add_float(AttributeField::f, *number);
    attribute.add_enum(AttributeField::type, attribute_float);
  } else if (const auto* integer = std::get_if<std::int64_t>(&given.value)) {
    attribute.add_int64(AttributeField::i, *integer);
    attribute.add_enum(AttributeField::type, attribute_int);
  } else {
    for (const auto each : std::get<std::vector<std::int64_t>>(given.value))
      attribute.add_int64(AttributeField::ints, each);
    attribute.add_enum(AttributeField::type, attribute_ints);
  }
}

}  // namespace

OnnxGraph::OnnxGraph(std::string where) : where_(std::move(where)) {
  Message<GraphField>(bytes_).add_string(GraphField::name, "maml");
}

std::string OnnxGraph::claimed(const std::string& name) {
  std::string result = name;
  for (int n = 2; !names_.insert(result).second; ++n) result = name + "." + std::to_string(n);
  return result;
}

void OnnxGraph::input(const std::string& name, const Dims& row) {
  [[maybe_unused]] const bool is_new = names_.insert(name).second;
  assert(is_new);
  write_value(bytes_, GraphField::input, name, row);
}

void OnnxGraph::output(const std::string& name, const Dims& row) {
  assert(names_.count(name) > 0);
  write_value(bytes_, GraphField::output, name, row);
}

std::string OnnxGraph::constant(const std::string& name, std::span<const std::size_t> dims, int type,
                                std::span<const std::byte> values) {
  std::string result = claimed(name);
  require(bytes_.size() + values.size() < most_bytes, where_,
          "would exceed the 2 GiB of an ONNX file (export --format safetensors)");
  Message<GraphField> graph(bytes_);
  Message<TensorField> tensor(graph, GraphField::initializer);
  for (const auto extent : dims) tensor.add_int64(TensorField::dims, signed_of(extent));
  tensor.add_int32(TensorField::data_type, type);
  tensor.add_string(TensorField::name, result);
  tensor.add_bytes(TensorField::raw_data, reinterpret_cast<const char*>(values.data()), values.size());
  return result;
}

std::string OnnxGraph::floats(const std::string& name, const Dims& dims, std::span<const float> values) {
  return constant(name, dims, type_float, std::as_bytes(values));
}

std::string OnnxGraph::integers(const std::string& name, std::span<const std::int64_t> values) {
  const std::size_t dims[] = {values.size()};
  return constant(name, dims, type_int64, std::as_bytes(values));
}

std::string OnnxGraph::node(const char* op, const std::string& name, const std::vector<std::string>& inputs,
                            const std::vector<Attribute>& attributes) {
  std::string result = claimed(name);
  Message<GraphField> graph(bytes_);
  Message<NodeField> node(graph, GraphField::node);
  for (const auto& input : inputs) node.add_string(NodeField::input, input);
  node.add_string(NodeField::output, result);
  node.add_string(NodeField::name, result);
  node.add_string(NodeField::op_type, op);
  for (const auto& attribute : attributes) write_attribute(node, attribute);
  return result;
}

std::string OnnxGraph::finish(const std::map<std::string, std::string>& metadata) && {
  std::string bytes;
  Message<ModelField> model(bytes);
  model.add_int64(ModelField::ir_version, ir_version);
  model.add_string(ModelField::producer_name, "maml.cpp");
  model.add_string(ModelField::producer_version, MAML_VERSION);
  Message<OpsetField>(model, ModelField::opset_import).add_int64(OpsetField::version, opset);
  model.add_message(ModelField::graph, bytes_);
  for (const auto& [key, value] : metadata) {
    Message<PropertyField> property(model, ModelField::metadata_props);
    property.add_string(PropertyField::key, key);
    property.add_string(PropertyField::value, value);
  }
  return bytes;
}

}  // namespace maml
