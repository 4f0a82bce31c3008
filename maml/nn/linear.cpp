#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/linear.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/linear_pass-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// LinearPass as a layer.
class Linear : public VectorLayer<Linear> {
public:
  Linear(const LayerText& text, const Shape& input) : VectorLayer(describe(text, input)) {}

  template <class Pass> void forward(const Frame<Pass>& f) const { pass_.forward(f); }
  template <class Pass> void backward(const Frame<Pass>& f) const { pass_.backward(f); }
  template <class Pass> void backward_rows(const Frame<Pass>& f) const { pass_.backward_rows(f); }

private:
  static LayerInfo describe(const LayerText& text, const Shape& input) {
    const std::size_t out = text.size(0, "number of outputs"), in = input.size();
    require(input.extents.size() == 1, "linear", "wants a vector, but its input is ", to_string(input),
            " (put \"flatten\" before it)");
    LayerInfo info{"linear", "linear", input, Shape{{out}}};
    info.parameters.push_back({"weight",
                               checked_size("linear", {in, out}),
                               parse_init("linear", text.word("init", "he"), in, out),
                               {out, in},
                               weight_order(input, in, out)});
    if (text.flag("bias", true))
      info.parameters.push_back({"bias", out, parse_init("linear", text.word("bias_init", "zeros"), in, out), {out}});
    info.reads_output = false;
    info.works_in_place = true;
    info.products_per_row = static_cast<double>(in) * static_cast<double>(out);
    return info;
  }

  /// Where element (o, i) of PyTorch's weight lies.
  static std::vector<std::uint32_t> weight_order(const Shape& input, std::size_t in, std::size_t out) {
    const auto inputs = border_order(input);
    std::vector<std::uint32_t> order;
    order.reserve(in * out);
    for (std::size_t o = 0; o < out; ++o)
      for (std::size_t i = 0; i < in; ++i)
        order.push_back(static_cast<std::uint32_t>((inputs.empty() ? i : inputs[i]) * out + o));
    return order;
  }

  const LinearPass pass_{info().input.size(), info().output.size(), info().parameters.size() == 2};
};

LayerPtr make_linear(const LayerText& text, const Shape& input) {
  return std::make_unique<Linear>(text, input);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LAYER(make_linear)
}  // namespace maml
#endif
