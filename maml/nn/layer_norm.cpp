#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/layer_norm.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"
#include "maml/nn/norm_epsilon.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// Each row to mean 0 and variance 1 over all its elements, then times weight plus bias (Ba et al. 2016).
/// Cache: mean and 1 / std of each row.
class LayerNorm : public VectorLayer<LayerNorm> {
public:
  LayerNorm(const LayerText& text, const Shape& input) : VectorLayer(describe(input)), epsilon_(norm_epsilon(text)) {}

  std::size_t cache_size(std::size_t rows) const override { return 2 * rows; }

  template <class Pass> void forward(const Frame<Pass>& f) const {
    using One = typename Pass::One;
    const One count = One::set(static_cast<double>(size_));
    for (std::size_t row = 0; row < f.rows; ++row) {
      const auto x = f.x + offset(row), y = f.y + offset(row);
      One sum = One::set(0);
      Pass::each(size_, [&](auto at) HWY_ATTR { sum = sum + Pass::sum(Pass::load(x, at), at); });
      const One mean = sum / count;
      const auto centre = Pass::broadcast(mean);
      One squares = One::set(0);
      Pass::each(size_, [&](auto at) HWY_ATTR {
        const auto distance = Pass::load(x, at) - centre;
        squares = squares + Pass::sum(distance * distance, at);
      });
      const One inverse = One::set(1) / sqrt(squares / count + One::set(epsilon_));
      const auto scale = Pass::broadcast(inverse);
      Pass::each(size_, [&](auto at) HWY_ATTR {
        const auto normal = (Pass::load(x, at) - centre) * scale;
        Pass::store(y, at, normal * Pass::load(f.parameter[0], at) + Pass::load(f.parameter[1], at));
      });
      Pass::store_one(f.cache, 2 * row, mean);
      Pass::store_one(f.cache, 2 * row + 1, inverse);
    }
  }

  template <class Pass> void backward(const Frame<Pass>& f) const {
    using One = typename Pass::One;
    const One count = One::set(static_cast<double>(size_));
    Pass::zero(f.d_parameter[0], size_);
    Pass::zero(f.d_parameter[1], size_);
    for (std::size_t row = 0; row < f.rows; ++row) {
      const auto x = f.x + offset(row), dy = f.dy + offset(row);
      const auto centre = Pass::broadcast(Pass::load_one(f.cache, 2 * row));
      const auto scale = Pass::broadcast(Pass::load_one(f.cache, 2 * row + 1));
      One sum = One::set(0), along = One::set(0);
      Pass::each(size_, [&](auto at) HWY_ATTR {
        const auto normal = (Pass::load(x, at) - centre) * scale, d = Pass::load(dy, at);
        const auto dn = d * Pass::load(f.parameter[0], at);
        sum = sum + Pass::sum(dn, at);
        along = along + Pass::sum(dn * normal, at);
        Pass::store(f.d_parameter[0], at, Pass::load(f.d_parameter[0], at) + d * normal);
        Pass::store(f.d_parameter[1], at, Pass::load(f.d_parameter[1], at) + d);
      });
      if (!f.dx) continue;
      const auto mean = Pass::broadcast(sum / count), slope = Pass::broadcast(along / count);
      const auto dx = f.dx + offset(row);
      Pass::each(size_, [&](auto at) HWY_ATTR {
        const auto normal = (Pass::load(x, at) - centre) * scale;
        const auto dn = Pass::load(dy, at) * Pass::load(f.parameter[0], at);
        Pass::store(dx, at, scale * (dn - mean - normal * slope));
      });
    }
  }

private:
  static LayerInfo describe(const Shape& input) {
    LayerInfo info{"layer_norm", "norm", input, input};
    info.reads_output = false;
    info.works_in_place = true;
    info.parameters.push_back(
        {"weight", input.size(), parse_init("layer_norm", "ones", 1, 1), border_extents(input), border_order(input)});
    info.parameters.push_back(
        {"bias", input.size(), parse_init("layer_norm", "zeros", 1, 1), border_extents(input), border_order(input)});
    return info;
  }
  std::ptrdiff_t offset(std::size_t row) const { return static_cast<std::ptrdiff_t>(row * size_); }

  const std::size_t size_ = info().input.size();
  const double epsilon_;
};

LayerPtr make_layer_norm(const LayerText& text, const Shape& input) {
  return std::make_unique<LayerNorm>(text, input);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LAYER(make_layer_norm)
}  // namespace maml
#endif
