#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/average_pool.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"
#include "maml/nn/pool_windows.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// The mean of each window, windows inside the image only (VALID); they may overlap. `global_mean` has one window, the
/// whole image, and gives a vector of the channels.
class AveragePool : public VectorLayer<AveragePool> {
public:
  AveragePool(LayerInfo info, const PoolWindows& windows) : VectorLayer(std::move(info)), windows_(windows) {}

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
    Pass::zero(f.dx, f.rows * info().input.size());
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
  const PoolWindows windows_;
};

LayerPtr make_avg_pool(const LayerText& text, const Shape& input) {
  const PoolWindows windows = PoolWindows::make(text, input);
  return std::make_unique<AveragePool>(LayerInfo{"avg_pool", "avg_pool", input, windows.output()}, windows);
}

LayerPtr make_global_mean(const LayerText&, const Shape& input) {
  require(input.is_image(), "global_mean", "wants an image (H x W x C), but its input is ", to_string(input));
  return std::make_unique<AveragePool>(LayerInfo{"global_mean", "global_mean", input, Shape{{input.channels()}}},
                                       PoolWindows::whole(input));
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LAYER(make_avg_pool)
MAML_DISPATCH_LAYER(make_global_mean)
}  // namespace maml
#endif
