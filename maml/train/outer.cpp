#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/train/outer.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "maml/train/outer.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Adam on one register's worth from element i. c: beta1, 1 - beta1, beta2, 1 - beta2, epsilon, rate. Square roots and
/// quotients are rounded alike by every instruction set, so the bits are the same on each.
template <class D, class T>
HWY_INLINE void adam_lanes(D d, std::size_t i, const T* c, T* theta, const T* g, T* m, T* v) {
  const auto gradient = hn::LoadU(d, g + i);
  const auto mean = hn::Add(hn::Mul(hn::Set(d, c[0]), hn::LoadU(d, m + i)), hn::Mul(hn::Set(d, c[1]), gradient));
  const auto square =
      hn::Add(hn::Mul(hn::Set(d, c[2]), hn::LoadU(d, v + i)), hn::Mul(hn::Set(d, c[3]), hn::Mul(gradient, gradient)));
  const auto step = hn::Div(hn::Mul(hn::Set(d, c[5]), mean), hn::Add(hn::Sqrt(square), hn::Set(d, c[4])));
  hn::StoreU(mean, d, m + i);
  hn::StoreU(square, d, v + i);
  hn::StoreU(hn::Sub(hn::LoadU(d, theta + i), step), d, theta + i);
}

template <class T> void adam(std::size_t n, const T* c, T* theta, const T* g, T* m, T* v) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> one;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) adam_lanes(d, i, c, theta, g, m, v);
  for (; i < n; ++i) adam_lanes(one, i, c, theta, g, m, v);
}

// Tables of dispatch name plain functions.
void adam_f32(std::size_t n, const float* c, float* theta, const float* g, float* m, float* v) {
  adam(n, c, theta, g, m, v);
}
void adam_f64(std::size_t n, const double* c, double* theta, const double* g, double* m, double* v) {
  adam(n, c, theta, g, m, v);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <cmath>
#include <numbers>

#include "maml/base/error.h"

namespace maml {

HWY_EXPORT(adam_f32);
HWY_EXPORT(adam_f64);

namespace {

void adam(std::size_t n, const float* c, float* theta, const float* g, float* m, float* v) {
  HWY_DYNAMIC_DISPATCH(adam_f32)(n, c, theta, g, m, v);
}
void adam(std::size_t n, const double* c, double* theta, const double* g, double* m, double* v) {
  HWY_DYNAMIC_DISPATCH(adam_f64)(n, c, theta, g, m, v);
}

template <class T> void clip(const OuterOptions& options, std::size_t n, T* gradient) {
  if (options.clip > 0) {
    const T limit = static_cast<T>(options.clip);
    // Written so that what is not a number stays visible.
    for (std::size_t i = 0; i < n; ++i)
      gradient[i] = gradient[i] > limit ? limit : gradient[i] < -limit ? -limit : gradient[i];
  }
  if (options.clip_norm > 0) {
    double squares = 0;
    for (std::size_t i = 0; i < n; ++i) squares += static_cast<double>(gradient[i]) * static_cast<double>(gradient[i]);
    const double norm = std::sqrt(squares);
    if (norm <= options.clip_norm) return;
    const T factor = static_cast<T>(options.clip_norm / norm);
    for (std::size_t i = 0; i < n; ++i) gradient[i] *= factor;
  }
}

}  // namespace

double scheduled_rate(const OuterOptions& options, double rate, std::int64_t iteration, std::int64_t iterations) {
  const double end = options.final_rate * (rate / options.rate);
  const double progress =
      iterations > 1 ? std::min(1.0, static_cast<double>(iteration) / static_cast<double>(iterations)) : 0;
  if (options.schedule == "linear") return rate + (end - rate) * progress;
  if (options.schedule == "cosine") return end + (rate - end) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
  if (options.schedule == "step") {
    const auto steps = iteration / options.step_every;  // whole ones
    return rate * std::pow(options.step_factor, static_cast<double>(steps));
  }
  require(options.schedule == "constant", "outer.schedule", "unknown value '", options.schedule,
          "' (known: constant, linear, cosine, step)");
  return rate;
}

template <class T>
OuterOptimiser<T>::OuterOptimiser(const OuterOptions& options, std::size_t size)
    : options_(options), is_adam_(options.optimiser == "adam"), moments_(is_adam_ ? 2 : 1, std::vector<T>(size)) {
  require(is_adam_ || options.optimiser == "sgd", "outer.optimiser", "unknown value '", options.optimiser,
          "' (known: adam, sgd)");
}

template <class T> void OuterOptimiser<T>::step(T* theta, T* gradient, double rate) {
  const std::size_t n = moments_[0].size();
  clip(options_, n, gradient);
  ++steps_;
  T* m = moments_[0].data();
  if (is_adam_) {
    const double t = static_cast<double>(steps_);
    const double corrected = rate * std::sqrt(1 - std::pow(options_.beta2, t)) / (1 - std::pow(options_.beta1, t));
    const double constants[] = {options_.beta1,     1 - options_.beta1, options_.beta2,
                                1 - options_.beta2, options_.epsilon,   corrected};
    T rounded[std::size(constants)];
    std::transform(std::begin(constants), std::end(constants), rounded, [](double c) { return static_cast<T>(c); });
    adam(n, rounded, theta, gradient, m, moments_[1].data());
    return;
  }
  const T momentum = static_cast<T>(options_.momentum), factor = static_cast<T>(rate);
  for (std::size_t i = 0; i < n; ++i) {
    m[i] = momentum * m[i] + gradient[i];
    theta[i] -= factor * m[i];
  }
}

template <class T> void OuterOptimiser<T>::restore(std::int64_t steps, const std::vector<std::vector<T>>& moments) {
  require(moments.size() == moments_.size(), "OuterOptimiser", "has ", moments_.size(), " moments, but ",
          moments.size(), " are given (is it another optimiser's state?)");
  for (std::size_t i = 0; i < moments.size(); ++i)
    require(moments[i].size() == moments_[i].size(), "OuterOptimiser", "is for ", moments_[i].size(),
            " values, but the state has ", moments[i].size());
  steps_ = steps;
  moments_ = moments;
}

template class OuterOptimiser<float>;
template class OuterOptimiser<double>;

}  // namespace maml
#endif
