// A layer of one's own, in one file: swish with a learned slope, y = x sigmoid(beta x), one beta a channel
// (Ramachandran, Zoph and Le 2017). Forward and backward are written once; the Hessian-vector product, the complex
// numbers of the check, float, double and every instruction set come from them. docs/add-a-layer.md goes through it.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "examples/custom_layer.cpp"  // this file, as the compiler finds it
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>  // compiles what follows once per instruction set

#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

class Swish : public VectorLayer<Swish> {
public:
  Swish(const LayerText& text, const Shape& input) : VectorLayer(describe(text, input)) {}

  template <class Pass> void forward(const Frame<Pass>& f) const {
    Pass::each(channels(), [&](auto at) HWY_ATTR {
      const auto beta = Pass::load(f.parameter[0], at);
      for (std::size_t row = 0; row < rows(f); ++row) {
        const auto x = Pass::load(f.x + begin(row), at);
        Pass::store(f.y + begin(row), at, x * sigmoid(beta * x));
      }
    });
  }

  template <class Pass> void backward(const Frame<Pass>& f) const {
    using Number = typename Pass::Number;
    Pass::each(channels(), [&](auto at) HWY_ATTR {
      const Number beta = Pass::load(f.parameter[0], at);
      Number d_beta = Number::set(0);
      for (std::size_t row = 0; row < rows(f); ++row) {
        const Number x = Pass::load(f.x + begin(row), at), dy = Pass::load(f.dy + begin(row), at);
        const Number gate = sigmoid(beta * x), slope = gate * (Number::set(1) - gate);
        d_beta = d_beta + dy * x * x * slope;
        if (f.dx) Pass::store(f.dx + begin(row), at, dy * (gate + beta * x * slope));
      }
      Pass::store(f.d_parameter[0], at, d_beta);
    });
  }

private:
  static LayerInfo describe(const LayerText& text, const Shape& input) {
    LayerInfo info{"swish", "swish", input, input};
    const std::size_t n = input.channels();
    info.parameters.push_back({"beta", n, parse_init("swish", text.word("init", "ones"), n, n), {n}});
    return info;
  }
  std::size_t channels() const { return info().input.channels(); }
  /// Rows of channels: one a row of a vector, one a pixel of an image.
  template <class Pass> std::size_t rows(const Frame<Pass>& f) const {
    return f.rows * info().input.size() / channels();
  }
  std::ptrdiff_t begin(std::size_t row) const { return static_cast<std::ptrdiff_t>(row * channels()); }
};

LayerPtr make_swish(const LayerText& text, const Shape& input) {
  return std::make_unique<Swish>(text, input);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cstdio>

#include "maml/kernels/isa.h"
#include "maml/nn/check_model.h"

namespace maml {
MAML_DISPATCH_LAYER(make_swish)
}  // namespace maml

int main() {
  maml::add_layer("swish", maml::make_swish);
  const maml::Model model(
      {{2}, {"linear 11", "swish", "linear 9", "swish init=constant(0.5)", "linear 1"}, "mse", "mean"});

  std::printf("A model of linear and swish layers, %zu parameters:\n", model.parameters());
  for (const auto& slice : model.slices()) std::printf("  %-15s %4zu\n", slice.name.c_str(), slice.size);

  std::printf("\nIts derivatives against complex step, on %s:\n\n", maml::isa_name(maml::active_isa()));
  std::printf("  %-62s %9s   %s\n", "", "off by", "allowed");
  int failed = 0;
  for (const auto& residual : maml::check_model(model)) {
    std::printf("  %-62s %9.1e   %-7.0e %s\n", residual.what.c_str(), residual.value, residual.bound,
                residual.passed() ? "" : "FAILED");
    failed += !residual.passed();
  }
  std::printf("\n%s\n",
              failed ? "Something is wrong with swish." : "Forward and backward were enough: all of it holds.");
  return failed ? 1 : 0;
}
#endif
