#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/average_pool.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/pool_pass-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// AveragePoolPass as a layer. `global_mean` has one window, the whole image, and gives a vector of the channels.
class AveragePool : public VectorLayer<AveragePool> {
public:
  AveragePool(LayerInfo info, const PoolWindows& windows) : VectorLayer(std::move(info)), pass_(windows) {}

  template <class Pass> void forward(const Frame<Pass>& f) const { pass_.forward(f); }
  template <class Pass> void backward(const Frame<Pass>& f) const { pass_.backward(f); }

private:
  const AveragePoolPass pass_;
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
