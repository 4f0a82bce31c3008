#include "maml/io/tensor.h"

#include "maml/base/nearest.h"

#include <algorithm>
#include <limits>

namespace maml {

namespace {

/// `a, b, c and 9 more`.
std::string listing(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 12;
  if (names.empty()) return "none";
  std::string text;
  for (std::size_t i = 0; i < std::min(shown, names.size()); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > shown) text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

std::string place(const std::string& path) {
  return path.empty() ? "tensors" : path;
}

}  // namespace

std::size_t size_of(DType dtype) {
  switch (dtype) {
  case DType::f32:
  case DType::i32:
    return 4;
  case DType::f64:
  case DType::i64:
    return 8;
  case DType::u8:
    break;
  }
  return 1;
}

const char* to_string(DType dtype) {
  switch (dtype) {
  case DType::f32:
    return "f32";
  case DType::f64:
    return "f64";
  case DType::i32:
    return "i32";
  case DType::i64:
    return "i64";
  case DType::u8:
    break;
  }
  return "u8";
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

std::size_t element_count(const std::vector<std::size_t>& shape, const std::string& where) {
  // An eighth of the range, so that the size in bytes is a number too.
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 8;
  if (std::find(shape.begin(), shape.end(), std::size_t{0}) != shape.end()) return 0;
  std::size_t count = 1;
  for (auto extent : shape) {
    require(count <= most / extent, where, "shape ", shape_text(shape), " is too large to address");
    count *= extent;
  }
  return count;
}

void Tensor::require_dtype(DType wanted) const {
  require(dtype == wanted, name, "holds ", to_string(dtype), ", but ", to_string(wanted),
          " is needed (convert it where the file is made)");
}

const Tensor* TensorFile::find(const std::string& name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const Tensor& t) { return t.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

const Tensor& TensorFile::at(const std::string& name) const {
  if (const Tensor* tensor = find(name)) return *tensor;
  std::vector<std::string> names;
  for (const auto& tensor : tensors) names.push_back(tensor.name);
  fail(place(path), "has no tensor ", name, did_you_mean(name, names), " (its tensors: ", listing(names), ")");
}

const std::string& TensorFile::meta(const std::string& key) const {
  if (const auto found = metadata.find(key); found != metadata.end()) return found->second;
  std::vector<std::string> keys;
  for (const auto& entry : metadata) keys.push_back(entry.first);
  fail(place(path), "has no metadata key ", key, did_you_mean(key, keys), " (its keys: ", listing(keys), ")");
}

}  // namespace maml
