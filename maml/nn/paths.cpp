#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/paths.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// `keep NAME` gives the output at hand a name, `from NAME` goes on from a named one; no pass runs. The model joins
/// them (Model::sources).
class Named : public VectorLayer<Named> {
public:
  Named(const std::string& kind, const Shape& input) : VectorLayer(describe(kind, input)) {}
  template <class Pass> void forward(const Frame<Pass>&) const {}
  template <class Pass> void backward(const Frame<Pass>&) const {}

private:
  static LayerInfo describe(const std::string& kind, const Shape& input) {
    LayerInfo info{kind, kind, input, input};
    info.is_view = true;
    return info;
  }
};

/// `add NAME`: the sum of the output at hand and a named one of the same shape, as residual blocks have it (He, Zhang,
/// Ren and Sun 2016).
class Add : public VectorLayer<Add> {
public:
  explicit Add(const Shape& input) : VectorLayer(describe(input)) {}
  template <class Pass> void forward(const Frame<Pass>& f) const {
    Pass::each(f.rows * info().input.size(),
               [&](auto at) HWY_ATTR { Pass::store(f.y, at, Pass::load(f.x, at) + Pass::load(f.x2, at)); });
  }
  template <class Pass> void backward(const Frame<Pass>& f) const {
    Pass::each(f.rows * info().input.size(), [&](auto at) HWY_ATTR {
      const auto dy = Pass::load(f.dy, at);
      if (f.dx) Pass::store(f.dx, at, dy);
      if (f.dx2) Pass::store(f.dx2, at, dy);
    });
  }

private:
  static LayerInfo describe(const Shape& input) {
    LayerInfo info{"add", "add", input, input};
    info.reads_output = false;
    info.works_in_place = true;
    return info;
  }
};

LayerPtr make_keep(const LayerText& text, const Shape& input) {
  text.name(0, "name");
  return std::make_unique<Named>("keep", input);
}
LayerPtr make_from(const LayerText& text, const Shape& input) {
  text.name(0, "name");
  return std::make_unique<Named>("from", input);
}
LayerPtr make_add(const LayerText& text, const Shape& input) {
  text.name(0, "name");
  return std::make_unique<Add>(input);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LAYER(make_keep)
MAML_DISPATCH_LAYER(make_from)
MAML_DISPATCH_LAYER(make_add)
}  // namespace maml
#endif
