#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/flatten.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// An image as a vector. The elements stay where they are.
class Flatten : public VectorLayer<Flatten> {
public:
  explicit Flatten(const Shape& input) : VectorLayer(describe(input)) {}
  template <class Pass> void forward(const Frame<Pass>&) const {}
  template <class Pass> void backward(const Frame<Pass>&) const {}

private:
  static LayerInfo describe(const Shape& input) {
    LayerInfo info{"flatten", "flatten", input, Shape{{input.size()}, input.extents}};
    info.is_view = true;
    return info;
  }
};

LayerPtr make_flatten(const LayerText&, const Shape& input) {
  return std::make_unique<Flatten>(input);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LAYER(make_flatten)
}  // namespace maml
#endif
