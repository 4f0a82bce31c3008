#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/kernels/vector.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/kernels/lanes-inl.h"
#include "maml/kernels/vector.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// out[i] = f(x[i], y[i], z[i]) over whole vectors.
template <class T, class F> HWY_INLINE void map(std::size_t n, const T* x, const T* y, const T* z, T* out, F f) {
  using Lanes = typename LanesOf<T>::Type;
  std::size_t i = 0;
  for (; i + Lanes::width <= n; i += Lanes::width) {
    const Full at{i};
    Lanes::store(f(Lanes::load(x, at), Lanes::load(y, at), Lanes::load(z, at)), out, at);
  }
  if (i == n) return;
  const Part at{i, n - i};
  Lanes::store(f(Lanes::load(x, at), Lanes::load(y, at), Lanes::load(z, at)), out, at);
}

template <class T> void subtract_scaled_all(std::size_t n, const T* x, const T* alpha, const T* g, T* out) {
  map(n, x, alpha, g, out, [](auto a, auto b, auto c) HWY_ATTR { return a - b * c; });
}
template <class T> void add_scaled_all(std::size_t n, const T* x, T factor, const T* y, T* out) {
  using Lanes = typename LanesOf<T>::Type;
  const auto scale = Lanes::broadcast(Single<T>{factor});
  map(n, x, y, y, out, [scale](auto a, auto b, auto) HWY_ATTR { return a + scale * b; });
}
template <class T> void add_all(std::size_t n, const T* x, const T* y, T* out) {
  map(n, x, y, y, out, [](auto a, auto b, auto) HWY_ATTR { return a + b; });
}
template <class T> void negate_product_all(std::size_t n, const T* x, const T* y, T* out) {
  map(n, x, y, y, out, [](auto a, auto b, auto) HWY_ATTR { return -(a * b); });
}

// Tables of dispatch name plain functions.
#define MAML_VECTOR_FUNCTIONS(T, suffix)                                                                               \
  void subtract_scaled_##suffix(std::size_t n, const T* x, const T* alpha, const T* g, T* out) {                       \
    subtract_scaled_all(n, x, alpha, g, out);                                                                          \
  }                                                                                                                    \
  void add_scaled_##suffix(std::size_t n, const T* x, T factor, const T* y, T* out) {                                  \
    add_scaled_all(n, x, factor, y, out);                                                                              \
  }                                                                                                                    \
  void add_##suffix(std::size_t n, const T* x, const T* y, T* out) {                                                   \
    add_all(n, x, y, out);                                                                                             \
  }                                                                                                                    \
  void negate_product_##suffix(std::size_t n, const T* x, const T* y, T* out) {                                        \
    negate_product_all(n, x, y, out);                                                                                  \
  }
MAML_VECTOR_FUNCTIONS(float, f32)
MAML_VECTOR_FUNCTIONS(double, f64)
MAML_VECTOR_FUNCTIONS(std::complex<double>, c64)
#undef MAML_VECTOR_FUNCTIONS

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {

#define MAML_VECTOR_DISPATCH(T, suffix)                                                                                \
  HWY_EXPORT(subtract_scaled_##suffix);                                                                                \
  HWY_EXPORT(add_scaled_##suffix);                                                                                     \
  HWY_EXPORT(add_##suffix);                                                                                            \
  HWY_EXPORT(negate_product_##suffix);                                                                                 \
  template <> void subtract_scaled(std::size_t n, const T* x, const T* alpha, const T* g, T* out) {                    \
    HWY_DYNAMIC_DISPATCH(subtract_scaled_##suffix)(n, x, alpha, g, out);                                               \
  }                                                                                                                    \
  template <> void add_scaled(std::size_t n, const T* x, T factor, const T* y, T* out) {                               \
    HWY_DYNAMIC_DISPATCH(add_scaled_##suffix)(n, x, factor, y, out);                                                   \
  }                                                                                                                    \
  template <> void add(std::size_t n, const T* x, const T* y, T* out) {                                                \
    HWY_DYNAMIC_DISPATCH(add_##suffix)(n, x, y, out);                                                                  \
  }                                                                                                                    \
  template <> void negate_product(std::size_t n, const T* x, const T* y, T* out) {                                     \
    HWY_DYNAMIC_DISPATCH(negate_product_##suffix)(n, x, y, out);                                                       \
  }
MAML_VECTOR_DISPATCH(float, f32)
MAML_VECTOR_DISPATCH(double, f64)
MAML_VECTOR_DISPATCH(std::complex<double>, c64)
#undef MAML_VECTOR_DISPATCH

}  // namespace maml
#endif
