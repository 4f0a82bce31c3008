#include "maml/diff/inner_rule.h"

#include <algorithm>
#include <complex>

#include "maml/kernels/vector.h"

namespace maml {

RateLayout::RateLayout(std::vector<Slice> slices, std::vector<unsigned char> mask, RateSharing sharing, int steps)
    : slices_(std::move(slices)), mask_(std::move(mask)), sharing_(sharing), steps_(steps) {
  require(mask_.size() == slices_.size(), "RateLayout", "the mask has ", mask_.size(), " entries for ", slices_.size(),
          " parameter slices");
  require(steps_ >= 1, "RateLayout", "needs at least one step's rates");
  for (const auto& slice : slices_) parameters_ += slice.size;
  per_step_ = sharing_ == RateSharing::number ? 1 : sharing_ == RateSharing::slice ? slices_.size() : parameters_;
  constexpr std::size_t most = std::size_t{1} << 26;
  require(per_step_ <= most / static_cast<std::size_t>(steps_), "RateLayout", "has ", per_step_, " rates at each of ",
          steps_, " steps, more than ", most, " in all (share them, or take fewer steps)");
}

std::size_t RateLayout::frozen_front() const {
  for (std::size_t i = 0; i < slices_.size(); ++i)
    if (mask_[i]) return slices_[i].offset;
  return parameters_;
}

std::pair<std::size_t, std::size_t> RateLayout::range(int set, std::size_t slice) const {
  const std::size_t start = static_cast<std::size_t>(set) * per_step_;
  switch (sharing_) {
  case RateSharing::number:
    return {start, 1};
  case RateSharing::slice:
    return {start + slice, 1};
  case RateSharing::element:
    return {start + slices_[slice].offset, slices_[slice].size};
  }
  return {start, 0};
}

template <class T> void RateLayout::expand(int set, const T* rates, T* alpha) const {
  for (std::size_t i = 0; i < slices_.size(); ++i) {
    const auto [start, count] = range(set, i);
    T* to = alpha + slices_[i].offset;
    if (!mask_[i])
      std::fill_n(to, slices_[i].size, T(0));
    else if (count == slices_[i].size)
      std::copy_n(rates + start, count, to);
    else
      std::fill_n(to, slices_[i].size, rates[start]);
  }
}

template <class T> void RateLayout::reduce(int set, const T* d_alpha, T* d_rates) const {
  for (std::size_t i = 0; i < slices_.size(); ++i) {
    if (!mask_[i]) continue;
    const auto [start, count] = range(set, i);
    const T* from = d_alpha + slices_[i].offset;
    if (count == slices_[i].size) {
      add(count, d_rates + start, from, d_rates + start);
    } else {
      T sum(0);
      for (std::size_t e = 0; e < slices_[i].size; ++e) sum += from[e];
      d_rates[start] += sum;
    }
  }
}

namespace {

template <class T> class Sgd : public InnerRule<T> {
public:
  std::size_t state_size(std::size_t) const override { return 0; }
  void step(std::size_t n, const T* alpha, const T* g, const T* theta, const T*, T* next, T*) const override {
    subtract_scaled(n, theta, alpha, g, next);
  }
  void transpose(std::size_t n, const T* alpha, const T* g, const T*, T* v, T*, T* u, T* d_alpha) const override {
    negate_product(n, alpha, v, u);
    if (d_alpha) negate_product(n, g, v, d_alpha);
  }
  void tangent(std::size_t n, const T* alpha, const T*, const T*, const T* g_dot, T* theta_dot, T*) const override {
    subtract_scaled(n, theta_dot, alpha, g_dot, theta_dot);
  }
};

template <class T> class Momentum : public InnerRule<T> {
public:
  explicit Momentum(double mu) : mu_(static_cast<T>(mu)) {}
  std::size_t state_size(std::size_t parameters) const override { return parameters; }
  void step(std::size_t n, const T* alpha, const T* g, const T* theta, const T* m, T* next, T* next_m) const override {
    add_scaled(n, g, mu_, m, next_m);
    subtract_scaled(n, theta, alpha, next_m, next);
  }
  void transpose(std::size_t n, const T* alpha, const T* g, const T* m, T* v, T* s, T* u, T* d_alpha) const override {
    subtract_scaled(n, s, alpha, v, u);  // the adjoint of m' = mu m + g, which g takes whole
    if (d_alpha) {
      add_scaled(n, g, mu_, m, d_alpha);
      negate_product(n, d_alpha, v, d_alpha);
    }
    for (std::size_t i = 0; i < n; ++i) s[i] = mu_ * u[i];
  }
  void tangent(std::size_t n, const T* alpha, const T*, const T*, const T* g_dot, T* theta_dot,
               T* m_dot) const override {
    step(n, alpha, g_dot, theta_dot, m_dot, theta_dot, m_dot);  // the rule is linear
  }

private:
  const T mu_;
};

}  // namespace

template <class T> std::unique_ptr<InnerRule<T>> make_sgd() {
  return std::make_unique<Sgd<T>>();
}
template <class T> std::unique_ptr<InnerRule<T>> make_momentum(double mu) {
  return std::make_unique<Momentum<T>>(mu);
}

#define MAML_INSTANTIATE(T)                                                                                            \
  template void RateLayout::expand(int, const T*, T*) const;                                                           \
  template void RateLayout::reduce(int, const T*, T*) const;                                                           \
  template std::unique_ptr<InnerRule<T>> make_sgd();                                                                   \
  template std::unique_ptr<InnerRule<T>> make_momentum(double);
MAML_INSTANTIATE(float)
MAML_INSTANTIATE(double)
MAML_INSTANTIATE(std::complex<double>)
#undef MAML_INSTANTIATE

}  // namespace maml
