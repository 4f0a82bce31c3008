// The passes of poolings, over plain sizes; max_pool.cpp and average_pool.cpp make these of a layer's text.

#if defined(MAML_NN_POOL_PASS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_NN_POOL_PASS_INL_H_
#undef MAML_NN_POOL_PASS_INL_H_
#else
#define MAML_NN_POOL_PASS_INL_H_
#endif

#include <cstddef>

#include "maml/nn/layer-inl.h"
#include "maml/nn/pool_windows.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// The largest value of each window, windows inside the image only (VALID). Of equal values the first in reading order
/// wins, in value, gradient and tangent alike.
class MaxPoolPass {
public:
  explicit MaxPoolPass(const PoolWindows& windows) : windows_(windows) {}

  template <class Pass> void forward(const Frame<Pass>& f) const {
    windows_.each(f.rows, [&](std::size_t x, std::size_t y) HWY_ATTR {
      Pass::each(windows_.channels, [&](auto at) HWY_ATTR {
        auto best = Pass::load(f.x + s(x), at);
        windows_.each_tap([&](std::size_t tap) HWY_ATTR {
          const auto value = Pass::load(f.x + s(x + tap), at);
          best = select(greater(value, best), value, best);
        });
        Pass::store(f.y + s(y), at, best);
      });
    });
  }

  template <class Pass> void backward(const Frame<Pass>& f) const {
    if (!f.dx) return;
    using Number = typename Pass::Number;
    Pass::zero(f.dx, f.rows * windows_.size());
    windows_.each(f.rows, [&](std::size_t x, std::size_t y) HWY_ATTR {
      Pass::each(windows_.channels, [&](auto at) HWY_ATTR {
        const Number best = Pass::load(f.y + s(y), at), dy = Pass::load(f.dy + s(y), at);
        const Number zero = Number::set(0);
        Number taken = zero;
        windows_.each_tap([&](std::size_t tap) HWY_ATTR {
          const auto wins = both(equal(Pass::load(f.x + s(x + tap), at), best), equal(taken, zero));
          taken = select(wins, Number::set(1), taken);
          Pass::store(f.dx + s(x + tap), at, Pass::load(f.dx + s(x + tap), at) + select(wins, dy, zero));
        });
      });
    });
  }

private:
  static std::ptrdiff_t s(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }
  PoolWindows windows_;
};

/// The mean of each window, windows inside the image only (VALID); they may overlap.
class AveragePoolPass {
public:
  explicit AveragePoolPass(const PoolWindows& windows) : windows_(windows) {}

  template <class Pass> void forward(const Frame<Pass>& f) const {
    using Number = typename Pass::Number;
    const Number share = Number::set(1.0 / static_cast<double>(windows_.pixels()));
    windows_.each(f.rows, [&](std::size_t x, std::size_t y) HWY_ATTR {
      Pass::each(windows_.channels, [&](auto at) HWY_ATTR {
        Number sum = Number::set(0);
        windows_.each_tap([&](std::size_t tap) HWY_ATTR { sum = sum + Pass::load(f.x + s(x + tap), at); });
        Pass::store(f.y + s(y), at, sum * share);
      });
    });
  }

  template <class Pass> void backward(const Frame<Pass>& f) const {
    if (!f.dx) return;
    using Number = typename Pass::Number;
    const Number share = Number::set(1.0 / static_cast<double>(windows_.pixels()));
    Pass::zero(f.dx, f.rows * windows_.size());
    windows_.each(f.rows, [&](std::size_t x, std::size_t y) HWY_ATTR {
      Pass::each(windows_.channels, [&](auto at) HWY_ATTR {
        const Number dy = Pass::load(f.dy + s(y), at) * share;
        windows_.each_tap([&](std::size_t tap)
                              HWY_ATTR { Pass::store(f.dx + s(x + tap), at, Pass::load(f.dx + s(x + tap), at) + dy); });
      });
    });
  }

private:
  static std::ptrdiff_t s(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }
  PoolWindows windows_;
};

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
