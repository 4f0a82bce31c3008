#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/max_pool.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/pool_pass-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// MaxPoolPass as a layer.
class MaxPool : public VectorLayer<MaxPool> {
public:
  MaxPool(const LayerText& text, const Shape& input)
      : VectorLayer(describe(text, input)), pass_(PoolWindows::make(text, input)) {}

  template <class Pass> void forward(const Frame<Pass>& f) const { pass_.forward(f); }
  template <class Pass> void backward(const Frame<Pass>& f) const { pass_.backward(f); }

private:
  static LayerInfo describe(const LayerText& text, const Shape& input) {
    const PoolWindows windows = PoolWindows::make(text, input);
    LayerInfo info{"max_pool", "max_pool", input, windows.output()};
    info.window = windows.stride == windows.rows ? windows.rows : 0;
    return info;
  }

  const MaxPoolPass pass_;
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
