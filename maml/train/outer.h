#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "maml/train/options.h"

namespace maml {

/// The rate of outer step `iteration` (from 0) of `iterations`.
double scheduled_rate(const OuterOptions&, double rate, std::int64_t iteration, std::int64_t iterations);

/// theta minus a step along a gradient: Adam in TensorFlow's form, or SGD with momentum, after clipping. Allocates
/// nothing after construction.
///   adam  m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,
///         theta -= rate sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)
///   sgd   m = momentum m + g,  theta -= rate m
template <class T> class OuterOptimiser {
public:
  OuterOptimiser(const OuterOptions&, std::size_t size);

  /// One step of the vector `theta`; clips `gradient` in place first, by element, then by norm.
  void step(T* theta, T* gradient, double rate);
  /// The same at the rate of the options.
  void step(T* theta, T* gradient) { step(theta, gradient, options_.rate); }

  /// Steps made, and the state: m, then v for adam (`size` values each).
  std::int64_t steps() const { return steps_; }
  std::size_t moments() const { return moments_.size(); }
  std::span<const T> moment(std::size_t i) const { return moments_[i]; }
  /// Bytes of theta, its gradient and the state together, for `size` values.
  static std::size_t bytes(std::size_t size) { return 4 * size * sizeof(T); }
  /// Goes on from a state taken earlier.
  void restore(std::int64_t steps, const std::vector<std::vector<T>>& moments);

private:
  const OuterOptions options_;
  const bool is_adam_;
  std::int64_t steps_ = 0;
  std::vector<std::vector<T>> moments_;
};

}  // namespace maml
