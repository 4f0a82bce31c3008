#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/max_pool.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// The largest value of each window, windows inside the image only (VALID). Of equal values the first in reading order
/// wins, in value, gradient and tangent alike.
class MaxPool : public VectorLayer<MaxPool> {
public:
  MaxPool(const LayerText& text, const Shape& input)
      : VectorLayer(describe(text, input)), window_(text.size(0, "window")), stride_(text.size("stride", window_)) {}

  template <class Pass> void forward(const Frame<Pass>& f) const {
    each_window(f.rows, [&](std::size_t x, std::size_t y) HWY_ATTR {
      Pass::each(channels_, [&](auto at) HWY_ATTR {
        auto best = Pass::load(f.x + s(x), at);
        each_tap([&](std::size_t tap) HWY_ATTR {
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
    each_window(f.rows, [&](std::size_t x, std::size_t y) HWY_ATTR {
      Pass::each(channels_, [&](auto at) HWY_ATTR {
        const Number best = Pass::load(f.y + s(y), at), dy = Pass::load(f.dy + s(y), at);
        const Number zero = Number::set(0);
        Number taken = zero;
        each_tap([&](std::size_t tap) HWY_ATTR {
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
    const std::size_t window = text.size(0, "window"), stride = text.size("stride", window);
    require(input.is_image(), "max_pool", "wants an image (H x W x C), but its input is ", to_string(input));
    const std::size_t height = input.extents[0], width = input.extents[1];
    require(window <= height && window <= width, "max_pool", "window ", window, " is larger than input ",
            to_string(input), " (use a smaller window)");
    LayerInfo info{"max_pool", "max_pool", input,
                   Shape{{(height - window) / stride + 1, (width - window) / stride + 1, input.channels()}}};
    info.window = window == stride ? window : 0;
    return info;
  }

  /// f(offset of the window's first pixel in x, offset of the output pixel in y), over all rows.
  template <class F> HWY_INLINE void each_window(std::size_t rows, F f) const {
    const auto &in = info().input.extents, &out = info().output.extents;
    std::size_t y = 0;
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t i = 0; i < out[0]; ++i)
        for (std::size_t j = 0; j < out[1]; ++j, y += channels_)
          f(((row * in[0] + i * stride_) * in[1] + j * stride_) * channels_, y);
  }
  /// f(offset from the window's first pixel), in reading order.
  template <class F> HWY_INLINE void each_tap(F f) const {
    for (std::size_t i = 0; i < window_; ++i)
      for (std::size_t j = 0; j < window_; ++j) f((i * info().input.extents[1] + j) * channels_);
  }

  const std::size_t window_, stride_, channels_ = info().input.channels();
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
