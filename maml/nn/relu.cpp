#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/relu.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"
#include "maml/nn/rectifier-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

LayerPtr make_rectifier(const LayerText& text, const Shape& input, double slope) {
  LayerInfo info{text.kind(), text.kind(), input, input};
  info.slope = slope;
  info.reads_output = false;
  info.works_in_place = true;
  return std::make_unique<ElementwiseLayer<Rectifier>>(std::move(info), Rectifier{slope});
}

LayerPtr make_relu(const LayerText& text, const Shape& input) {
  return make_rectifier(text, input, 0);
}

LayerPtr make_leaky_relu(const LayerText& text, const Shape& input) {
  return make_rectifier(text, input, text.number("slope", 0.01));
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LAYER(make_relu)
MAML_DISPATCH_LAYER(make_leaky_relu)
}  // namespace maml
#endif
