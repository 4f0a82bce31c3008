// Number types that passes are written over, compiled once per instruction set:
//   Single<T>  one value (also std::complex<double>: derivatives by complex step)
//   Vector<T>  as many values as the instruction set's registers hold
//   Dual<N>    a value and its derivative along one direction, N any of the above
// Plain is the type without derivative; a number may be multiplied by one of these, a constant.
// All know + - * /, unary -, sqrt, exp, log, tanh, sigmoid, greater, equal, both, select. Comparisons look at values
// only (of a complex number at its real part), so a branch is the same in value and tangent.

#if defined(MAML_KERNELS_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_KERNELS_LANES_INL_H_
#undef MAML_KERNELS_LANES_INL_H_
#else
#define MAML_KERNELS_LANES_INL_H_
#endif

#include <cmath>
#include <complex>
#include <cstddef>

#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// A register's worth of consecutive elements from `begin`.
struct Full {
  std::size_t begin;
};
/// The `count` elements from `begin` that are left for the last register; its other lanes hold zero after a load, and
/// are neither stored nor summed.
struct Part {
  std::size_t begin, count;
};

template <class T> constexpr double real_part(T x) {
  return static_cast<double>(x);
}
template <class T> constexpr double real_part(std::complex<T> x) {
  return static_cast<double>(x.real());
}

template <class T> struct Single {
  T raw;
  using Real = T;
  using Mask = bool;
  using Plain = Single;
  static HWY_INLINE Single set(double x) { return {static_cast<T>(x)}; }
  friend HWY_INLINE Single operator+(Single a, Single b) { return {a.raw + b.raw}; }
  friend HWY_INLINE Single operator-(Single a, Single b) { return {a.raw - b.raw}; }
  friend HWY_INLINE Single operator*(Single a, Single b) { return {a.raw * b.raw}; }
  friend HWY_INLINE Single operator/(Single a, Single b) { return {a.raw / b.raw}; }
  friend HWY_INLINE Single operator-(Single a) { return {-a.raw}; }
  friend HWY_INLINE Mask greater(Single a, Single b) { return real_part(a.raw) > real_part(b.raw); }
  friend HWY_INLINE Mask equal(Single a, Single b) { return real_part(a.raw) == real_part(b.raw); }
  friend HWY_INLINE Single select(Mask m, Single a, Single b) { return m ? a : b; }
  friend HWY_INLINE Single sqrt(Single a) { return {std::sqrt(a.raw)}; }
  friend HWY_INLINE Single exp(Single a) { return {std::exp(a.raw)}; }
  friend HWY_INLINE Single log(Single a) { return {std::log(a.raw)}; }
  friend HWY_INLINE Single tanh(Single a) { return {std::tanh(a.raw)}; }
  friend HWY_INLINE Single value_of(Single a) { return a; }
};

/// A Vector's comparison, lane by lane.
template <class T> struct LaneMask { hn::Mask<hn::ScalableTag<T>> raw; };
template <class T> HWY_INLINE LaneMask<T> both(LaneMask<T> a, LaneMask<T> b) {
  return {hn::And(a.raw, b.raw)};
}
HWY_INLINE bool both(bool a, bool b) {
  return a && b;
}

/// f of a, where a is a number; elsewhere a. Where no instruction set does it, Highway has C++ convert what is no
/// number to an integer, which C++ leaves undefined.
template <class V, class F> HWY_INLINE V of_numbers(V a, F f) {
#if HWY_TARGET == HWY_EMU128
  const auto none = hn::IsNaN(a);
  return hn::IfThenElse(none, a, f(hn::IfThenZeroElse(none, a)));
#else
  return f(a);
#endif
}

template <class T> struct Vector {
  using D = hn::ScalableTag<T>;
  using Real = T;
  using Mask = LaneMask<T>;
  using Plain = Vector;
  hn::Vec<D> raw;
  static HWY_INLINE Vector set(double x) { return {hn::Set(D(), static_cast<T>(x))}; }
  friend HWY_INLINE Vector operator+(Vector a, Vector b) { return {hn::Add(a.raw, b.raw)}; }
  friend HWY_INLINE Vector operator-(Vector a, Vector b) { return {hn::Sub(a.raw, b.raw)}; }
  friend HWY_INLINE Vector operator*(Vector a, Vector b) { return {hn::Mul(a.raw, b.raw)}; }
  friend HWY_INLINE Vector operator/(Vector a, Vector b) { return {hn::Div(a.raw, b.raw)}; }
  friend HWY_INLINE Vector operator-(Vector a) { return {hn::Neg(a.raw)}; }
  friend HWY_INLINE Mask greater(Vector a, Vector b) { return {hn::Gt(a.raw, b.raw)}; }
  friend HWY_INLINE Mask equal(Vector a, Vector b) { return {hn::Eq(a.raw, b.raw)}; }
  friend HWY_INLINE Vector select(Mask m, Vector a, Vector b) { return {hn::IfThenElse(m.raw, a.raw, b.raw)}; }
  friend HWY_INLINE Vector sqrt(Vector a) { return {hn::Sqrt(a.raw)}; }
  friend HWY_INLINE Vector exp(Vector a) {
    return {of_numbers(a.raw, [](auto x) { return hn::CallExp(D(), x); })};
  }
  friend HWY_INLINE Vector log(Vector a) { return {hn::CallLog(D(), a.raw)}; }
  friend HWY_INLINE Vector tanh(Vector a) {
    return {of_numbers(a.raw, [](auto x) { return hn::CallTanh(D(), x); })};
  }
  friend HWY_INLINE Vector value_of(Vector a) { return a; }
};

template <class N> struct Dual {
  N v, d;
  using Real = typename N::Real;
  using Mask = typename N::Mask;
  using Plain = N;
  static HWY_INLINE Dual set(double x) { return {N::set(x), N::set(0)}; }
  friend HWY_INLINE Dual operator+(Dual a, Dual b) { return {a.v + b.v, a.d + b.d}; }
  friend HWY_INLINE Dual operator-(Dual a, Dual b) { return {a.v - b.v, a.d - b.d}; }
  friend HWY_INLINE Dual operator*(Dual a, Dual b) { return {a.v * b.v, a.d * b.v + a.v * b.d}; }
  friend HWY_INLINE Dual operator*(Dual a, N constant) { return {a.v * constant, a.d * constant}; }
  friend HWY_INLINE Dual operator/(Dual a, Dual b) {
    const N quotient = a.v / b.v;
    return {quotient, (a.d - quotient * b.d) / b.v};
  }
  friend HWY_INLINE Dual operator-(Dual a) { return {-a.v, -a.d}; }
  friend HWY_INLINE Mask greater(Dual a, Dual b) { return greater(a.v, b.v); }
  friend HWY_INLINE Mask equal(Dual a, Dual b) { return equal(a.v, b.v); }
  friend HWY_INLINE Dual select(Mask m, Dual a, Dual b) { return {select(m, a.v, b.v), select(m, a.d, b.d)}; }
  friend HWY_INLINE Dual sqrt(Dual a) {
    const N root = sqrt(a.v);
    return {root, a.d / (root + root)};
  }
  friend HWY_INLINE Dual exp(Dual a) {
    const N e = exp(a.v);
    return {e, e * a.d};
  }
  friend HWY_INLINE Dual log(Dual a) { return {log(a.v), a.d / a.v}; }
  friend HWY_INLINE Dual tanh(Dual a) {
    const N t = tanh(a.v);
    return {t, (N::set(1) - t * t) * a.d};
  }
  /// The value as a constant: its derivative dropped.
  friend HWY_INLINE Dual value_of(Dual a) { return {a.v, N::set(0)}; }
};

/// 1 / (1 + exp(-x)), by tanh, which no x overflows.
template <class N> HWY_INLINE N sigmoid(N x) {
  const N half = N::set(0.5);
  return half + half * tanh(half * x);
}

/// Arrays of T read and written as Single<T>.
template <class T> struct SingleLanes {
  using Number = Single<T>;
  static constexpr std::size_t width = 1;
  static HWY_INLINE Number load(const T* p, Full at) { return {p[at.begin]}; }
  static HWY_INLINE Number load(const T* p, Part at) { return at.count ? Number{p[at.begin]} : Number::set(0); }
  static HWY_INLINE void store(Number x, T* p, Full at) { p[at.begin] = x.raw; }
  static HWY_INLINE void store(Number x, T* p, Part at) {
    if (at.count) p[at.begin] = x.raw;
  }
  static HWY_INLINE Single<T> sum(Number x, Full) { return x; }
  static HWY_INLINE Single<T> sum(Number x, Part at) { return at.count ? x : Number::set(0); }
  static HWY_INLINE Number broadcast(Single<T> x) { return x; }
};

/// Arrays of float or double read and written as Vector.
template <class T> struct VectorLanes {
  using Number = Vector<T>;
  using D = hn::ScalableTag<T>;
  static constexpr std::size_t width = hn::MaxLanes(D());
  static HWY_INLINE Number load(const T* p, Full at) { return {hn::LoadU(D(), p + at.begin)}; }
  static HWY_INLINE void store(Number x, T* p, Full at) { hn::StoreU(x.raw, D(), p + at.begin); }
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  static HWY_INLINE Number load(const T* p, Part at) {
    return {hn::MaskedLoad(hn::FirstN(D(), at.count), D(), p + at.begin)};
  }
  static HWY_INLINE void store(Number x, T* p, Part at) {
    hn::BlendedStore(x.raw, hn::FirstN(D(), at.count), D(), p + at.begin);
  }
#else  // masked accesses of the other targets touch the whole register
  static HWY_INLINE Number load(const T* p, Part at) {
    alignas(64) T lanes[width] = {};
    for (std::size_t i = 0; i < at.count; ++i) lanes[i] = p[at.begin + i];
    return {hn::Load(D(), lanes)};
  }
  static HWY_INLINE void store(Number x, T* p, Part at) {
    alignas(64) T lanes[width];
    hn::Store(x.raw, D(), lanes);
    for (std::size_t i = 0; i < at.count; ++i) p[at.begin + i] = lanes[i];
  }
#endif
  static HWY_INLINE Single<T> sum(Number x, Full) {
    return {hn::GetLane(hn::SumOfLanes(D(), x.raw))};
  }
  static HWY_INLINE Single<T> sum(Number x, Part at) {
    return {hn::GetLane(hn::SumOfLanes(D(), hn::IfThenElseZero(hn::FirstN(D(), at.count), x.raw)))};
  }
  static HWY_INLINE Number broadcast(Single<T> x) {
    return {hn::Set(D(), x.raw)};
  }
};

/// Vectors where there are vectors of T, singles elsewhere.
template <class T> struct LanesOf { using Type = VectorLanes<T>; };
template <class T> struct LanesOf<std::complex<T>> { using Type = SingleLanes<std::complex<T>>; };

}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
