#pragma once

#include <complex>
#include <cstddef>

namespace maml {

/// Element-wise work on parameter vectors of n values, on the active instruction set; arrays may be the same, but not
/// overlap otherwise. The same bits for any alignment. For float, double and std::complex<double>.

/// out = x - alpha ⊙ g
template <class T> void subtract_scaled(std::size_t n, const T* x, const T* alpha, const T* g, T* out);
/// out = x + y
template <class T> void add(std::size_t n, const T* x, const T* y, T* out);
/// out = x + factor y
template <class T> void add_scaled(std::size_t n, const T* x, T factor, const T* y, T* out);
/// out = - x ⊙ y
template <class T> void negate_product(std::size_t n, const T* x, const T* y, T* out);

}  // namespace maml
