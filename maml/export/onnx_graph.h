#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace maml {

/// A graph of ONNX operators while it is built, and the bytes of its model. Operators are those of opset 17: the first
/// that has LayerNormalization, and old enough for every runtime in use (onnxruntime 1.12 and later, 2022); version 8
/// of the file format goes with it.
class OnnxGraph {
public:
  using Dims = std::vector<std::size_t>;
  struct Attribute {
    const char* name;
    std::variant<std::int64_t, float, std::vector<std::int64_t>> value;
  };
  static constexpr int opset = 17, ir_version = 8;

  /// where: stands for the file in errors.
  explicit OnnxGraph(std::string where);

  /// Floats of shape (batch, row..), the batch of any size.
  void input(const std::string& name, const Dims& row);
  void output(const std::string& name, const Dims& row);
  // What nodes read and write goes by names, constants and inputs among them. Each of these gives the name that its
  // result has: `name`, or where that is taken name.2, name.3, ..
  /// Constants. Throw Error where the file would pass the 2 GiB that a protobuf message may have.
  std::string floats(const std::string& name, const Dims&, std::span<const float>);
  std::string integers(const std::string& name, std::span<const std::int64_t>);
  /// Appends a node of one result.
  std::string node(const char* op, const std::string& name, const std::vector<std::string>& inputs,
                   const std::vector<Attribute>& attributes = {});

  /// The bytes of the whole model.
  std::string finish(const std::map<std::string, std::string>& metadata) &&;

private:
  std::string claimed(const std::string& name);
  std::string constant(const std::string& name, std::span<const std::size_t> dims, int type,
                       std::span<const std::byte>);

  std::string where_, bytes_;
  std::set<std::string> names_;
};

}  // namespace maml
