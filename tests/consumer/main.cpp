// What a program of one's own does with the installed library: adapts, differentiates, and adds a layer.
#include <iostream>
#include <vector>

#include "maml/kernels/targets.h"

#include "maml/maml.h"
#include "maml/nn/layer-inl.h"

namespace {

/// x + 1, on the instruction set that the compiler may assume.
struct PlusOne {
  template <class N> N forward(N x) const { return x + N::set(1); }
  template <class N> N backward(N, N, N dy) const { return dy; }
};

maml::LayerPtr make_plus_one(const maml::LayerText& text, const maml::Shape& input) {
  using maml::HWY_NAMESPACE::ElementwiseLayer;
  return std::make_unique<ElementwiseLayer<PlusOne>>(text.kind(), input, PlusOne{});
}

}  // namespace

int main() {
  maml::add_layer("plus_one", make_plus_one);
  const maml::Model model({.input = {1}, .layers = {"linear 8", "plus_one", "tanh", "linear 1"}});
  for (const auto& residual : maml::check_model(model))
    if (!residual.passed()) return std::cerr << residual.what << " fails\n", 1;

  const auto waves = maml::make_sinusoid();
  maml::MetaBatch<float> batch(model, *waves, {.shots = 10});
  maml::OuterOptimiser<float> outer({}, model.parameters());
  std::vector<float> theta = model.initial<float>(0);
  double first = 0, last = 0;
  for (std::uint32_t i = 0; i < 300; ++i) {
    auto& result = batch.gradient(theta.data(), i);
    (i < 10 ? first : last) += i < 10 || i >= 290 ? result.loss / 10 : 0;
    outer.step(theta.data(), result.gradient.data());
  }
  std::cout << "loss " << first << " at first, " << last << " at last\n";
  return last < first ? 0 : 1;
}
