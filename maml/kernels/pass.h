#pragma once

#include <cstddef>

namespace maml {

/// The plain pass: every array holds values. T is float, double, or std::complex<double> (derivatives by complex step).
template <class T> struct Value {
  using Scalar = T;
  /// An array of values.
  struct Ref {
    T* value = nullptr;
    Ref operator+(std::ptrdiff_t i) const { return value ? Ref{value + i} : Ref{}; }
    explicit operator bool() const { return value != nullptr; }
  };
};

/// The tangent pass: arrays are values, which it reads, beside tangents, which it reads and writes. Values are never
/// written: they come from the plain pass alone.
template <class T> struct Tangent {
  using Scalar = T;
  /// An array of values and its tangent; a null tangent means zero everywhere. Results have a tangent only.
  struct Ref {
    const T* value = nullptr;
    T* tangent = nullptr;
    Ref operator+(std::ptrdiff_t i) const { return {value ? value + i : nullptr, tangent ? tangent + i : nullptr}; }
    explicit operator bool() const { return value || tangent; }
  };
};

}  // namespace maml
