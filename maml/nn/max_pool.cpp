#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/max_pool.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"
#include "maml/nn/pool_windows.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// The largest value of each window, windows inside the image only (VALID). Of equal values the first in reading order
/// wins, in value, gradient and tangent alike.
class MaxPool : public VectorLayer<MaxPool> {
public:
  MaxPool(const LayerText& text, const Shape& input)
      : VectorLayer(describe(text, input)), windows_(PoolWindows::make(text, input)) {}

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
    Pass::zero(f.dx, f.rows * info().input.size());
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

  static LayerInfo describe(const LayerText& text, const Shape& input) {
    const PoolWindows windows = PoolWindows::make(text, input);
    LayerInfo info{"max_pool", "max_pool", input, windows.output()};
    info.window = windows.stride == windows.rows ? windows.rows : 0;
    return info;
  }

  const PoolWindows windows_;
};

LayerPtr make_max_pool(const LayerText& text, const Shape& input) {
  return std::make_unique<MaxPool>(text, input);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LAYER(make_max_pool)
}  // namespace maml
#endif
