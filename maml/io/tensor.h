#pragma once

#include "maml/base/error.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace maml {

/// Element types of a tensor at the border (files, Python, C).
enum class DType { f32, f64, i32, i64, u8 };

/// Bytes of one element.
std::size_t size_of(DType dtype);
/// `f32`, `i64`, ...
const char* to_string(DType dtype);
/// `[2, 3]`.
std::string shape_text(const std::vector<std::size_t>& shape);
/// The product of the extents (1 for a scalar's empty shape); an error at `where` if it overflows.
std::size_t element_count(const std::vector<std::size_t>& shape, const std::string& where);

/// The DType of a C++ type: float, double, std::int32_t, std::int64_t or std::uint8_t.
template <class T> constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) {
    return DType::f32;
  } else if constexpr (std::is_same_v<T, double>) {
    return DType::f64;
  } else if constexpr (std::is_same_v<T, std::int32_t>) {
    return DType::i32;
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return DType::i64;
  } else {
    static_assert(std::is_same_v<T, std::uint8_t>, "a tensor holds float, double, int32, int64 or uint8");
    return DType::u8;
  }
}

/// A named array in row-major order that owns its bytes, `element_count(shape) * size_of(dtype)` of them.
/// It is what crosses a border; the engine computes on flat vectors of its own.
struct Tensor {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::size_t> shape;
  std::vector<std::byte> bytes;

  /// A copy of the `element_count(shape)` elements at `data`. An empty shape is a scalar.
  template <class T> static Tensor of(std::string name, std::vector<std::size_t> shape, const T* data) {
    const std::size_t size = element_count(shape, name) * sizeof(T);
    Tensor tensor{std::move(name), dtype_of<T>(), std::move(shape), std::vector<std::byte>(size)};
    if (size != 0) std::memcpy(tensor.bytes.data(), data, size);
    return tensor;
  }

  /// Number of elements.
  std::size_t size() const { return bytes.size() / size_of(dtype); }

  /// The elements in place; an error if they are not of type T.
  template <class T> std::span<const T> view() const {
    require_dtype(dtype_of<T>());
    return {reinterpret_cast<const T*>(bytes.data()), size()};
  }
  template <class T> std::span<T> view() {
    require_dtype(dtype_of<T>());
    return {reinterpret_cast<T*>(bytes.data()), size()};
  }

  /// A converted copy: f32 and f64 to either of them, every integer type to int64, each type to itself. An error for
  /// the rest, since those would lose values silently.
  template <class T> std::vector<T> as() const {
    constexpr bool to_real = std::is_floating_point_v<T>;
    constexpr bool to_int64 = std::is_same_v<T, std::int64_t>;
    if (dtype == DType::f32 && to_real) return copy<float, T>();
    if (dtype == DType::f64 && to_real) return copy<double, T>();
    if (dtype == DType::i32 && to_int64) return copy<std::int32_t, T>();
    if (dtype == DType::u8 && to_int64) return copy<std::uint8_t, T>();
    require_dtype(dtype_of<T>());
    return copy<T, T>();
  }

  bool operator==(const Tensor& other) const = default;

private:
  template <class From, class To> std::vector<To> copy() const {
    const auto* first = reinterpret_cast<const From*>(bytes.data());
    std::vector<To> result(size());
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<To>(first[i]);
    return result;
  }
  void require_dtype(DType wanted) const;
};

/// The contents of one tensor file.
struct TensorFile {
  std::vector<Tensor> tensors;
  std::map<std::string, std::string> metadata;
  /// Where it was read from, for messages; "" if made in memory. Not written.
  std::string path;

  /// The tensor of that name, or null.
  const Tensor* find(const std::string& name) const;
  /// The tensor of that name; the error names what is there and the nearest name.
  const Tensor& at(const std::string& name) const;
  /// The metadata value of that key, with an error like `at`'s.
  const std::string& meta(const std::string& key) const;
};

}  // namespace maml
