#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/linear.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// y = x W + b. W lies (in, out), so that forward and weight gradient read along the outputs; at the border it is
/// PyTorch's (out, in), and inputs that come from a flatten are ordered C, H, W there.
class Linear : public VectorLayer<Linear> {
public:
  Linear(const LayerText& text, const Shape& input) : VectorLayer(describe(text, input)) {}

  template <class Pass> void forward(const Frame<Pass>& f) const {
    using Pair = typename Pass::Pair;
    Pass::product(ProductShape{f.rows, out(), in(), s(in()), 1, s(out()), 1, s(out())},
                  std::array<Pair, 1>{Pair{f.x, f.parameter[0]}}, 1, has_bias() ? f.parameter[1] : typename Pass::Ref{},
                  Into::overwrite, f.y);
  }

  template <class Pass> void backward(const Frame<Pass>& f) const {
    using Pair = typename Pass::Pair;
    // dW = x^T dy
    Pass::product(ProductShape{in(), out(), f.rows, 1, s(in()), s(out()), 1, s(out())},
                  std::array<Pair, 1>{Pair{f.x, f.dy}}, 1, {}, Into::overwrite, f.d_parameter[0]);
    if (has_bias()) {
      Pass::zero(f.d_parameter[1], out());
      Pass::add_row_sum(f.dy, f.rows, out(), f.d_parameter[1]);
    }
    // dx = dy W^T
    if (f.dx)
      Pass::product(ProductShape{f.rows, in(), out(), s(out()), 1, 1, s(out()), s(in())},
                    std::array<Pair, 1>{Pair{f.dy, f.parameter[0]}}, 1, {}, Into::overwrite, f.dx);
  }

private:
  std::size_t in() const { return in_; }
  std::size_t out() const { return out_; }
  bool has_bias() const { return info().parameters.size() == 2; }
  static std::ptrdiff_t s(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }

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

  const std::size_t in_ = info().input.size(), out_ = info().output.size();
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
