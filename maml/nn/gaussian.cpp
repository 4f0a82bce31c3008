#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/gaussian.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// A Gaussian policy's head: outputs its input (the mean) followed by the parameter log_std, the same for every row.
class Gaussian : public VectorLayer<Gaussian> {
public:
  Gaussian(const LayerText& text, const Shape& input) : VectorLayer(describe(text, input)) {}

  template <class Pass> void forward(const Frame<Pass>& f) const {
    for (std::size_t row = 0; row < f.rows; ++row) {
      const auto x = f.x + s(row * size_), y = f.y + s(2 * row * size_);
      Pass::each(size_, [&](auto at) HWY_ATTR {
        Pass::store(y, at, Pass::load(x, at));
        Pass::store(y + s(size_), at, Pass::load(f.parameter[0], at));
      });
    }
  }

  template <class Pass> void backward(const Frame<Pass>& f) const {
    Pass::zero(f.d_parameter[0], size_);
    for (std::size_t row = 0; row < f.rows; ++row) {
      const auto dy = f.dy + s(2 * row * size_), dx = f.dx + s(row * size_);
      Pass::each(size_, [&](auto at) HWY_ATTR {
        if (f.dx) Pass::store(dx, at, Pass::load(dy, at));
        Pass::store(f.d_parameter[0], at, Pass::load(f.d_parameter[0], at) + Pass::load(dy + s(size_), at));
      });
    }
  }

private:
  static std::ptrdiff_t s(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }
  static LayerInfo describe(const LayerText& text, const Shape& input) {
    require(input.extents.size() == 1, "gaussian", "wants a vector of means, but its input is ", to_string(input));
    const std::size_t n = input.size();
    LayerInfo info{"gaussian", "gaussian", input, Shape{{2 * n}}};
    info.parameters.push_back({"log_std", n, Init{Init::Kind::constant, text.number("log_std", 0)}, {n}});
    return info;
  }

  const std::size_t size_ = info().input.size();
};

LayerPtr make_gaussian(const LayerText& text, const Shape& input) {
  return std::make_unique<Gaussian>(text, input);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LAYER(make_gaussian)
}  // namespace maml
#endif
