#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/batch_norm.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/batch_norm_pass-inl.h"
#include "maml/nn/dispatch.h"
#include "maml/nn/norm_epsilon.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// BatchNormPass as a layer.
class BatchNorm : public VectorLayer<BatchNorm> {
public:
  BatchNorm(const LayerText& text, const Shape& input)
      : VectorLayer(describe(text, input)), pass_(sizes(text, info())) {
    require(pass_.sizes().epsilon > 0, "batch_norm", "epsilon must be above 0");
  }

  LayerPtr joined(const Layer& next) const override {
    const LayerInfo& other = next.info();
    BatchNormSizes sizes = pass_.sizes();
    const bool takes_slope = other.slope && sizes.window == 1 && sizes.slope == 1;
    // The winner of a window is chosen before the rectifier, which must not turn the order round.
    const bool takes_window = other.window == 2 && sizes.window == 1 && sizes.slope >= 0;
    if (!takes_slope && !takes_window) return nullptr;
    LayerInfo both = info();
    both.output = other.output;
    if (takes_slope) sizes.slope = *other.slope;
    if (!takes_slope) sizes.window = other.window;
    return std::make_unique<BatchNorm>(std::move(both), sizes);
  }
  BatchNorm(LayerInfo both, const BatchNormSizes& sizes) : VectorLayer(std::move(both)), pass_(sizes) {}

  std::size_t cache_size(std::size_t rows) const override { return pass_.cache_size(rows); }

  template <class Pass> void forward(const Frame<Pass>& f) const { pass_.forward(f); }
  template <class Pass> void backward(const Frame<Pass>& f) const { pass_.backward(f); }

private:
  /// Values of a chunk of rows: what a processor's cache holds beside what the layer before reads and writes.
  static constexpr std::size_t chunk = 1 << 16;

  static LayerInfo describe(const LayerText& text, const Shape& input) {
    LayerInfo info{"batch_norm", "norm", input, input};
    const std::size_t channels = input.channels(), steps = text.size("per_step", 1);
    const bool per_step = steps > 1;
    checked_size("batch_norm", {steps, channels});
    const std::vector<std::size_t> shape = per_step ? std::vector{steps, channels} : std::vector{channels};
    // Channels keep their order, unless they are the elements of a flattened image.
    const auto one_set = input.is_image() ? std::vector<std::uint32_t>() : border_order(input);
    std::vector<std::uint32_t> order;
    for (std::size_t set = 0; set < steps && !one_set.empty(); ++set)
      for (const auto e : one_set) order.push_back(static_cast<std::uint32_t>(set * channels + e));
    if (text.flag("gamma", true))
      info.parameters.push_back({"weight", steps * channels, parse_init("batch_norm", "ones", 1, 1), shape, order});
    info.parameters.push_back({"bias", steps * channels, parse_init("batch_norm", "zeros", 1, 1), shape, order});
    info.statistics = parse_statistics("batch_norm", text.word("mode", "transductive"));
    if (info.statistics == Statistics::running)
      info.state = {{"running_mean", steps * channels, 0, steps}, {"running_var", steps * channels, 1, steps}};
    info.reads_output = false;
    info.works_in_place = true;
    info.depends_on_step = per_step;
    info.chunk_rows = std::max<std::size_t>(1, chunk / input.size());
    return info;
  }

  static BatchNormSizes sizes(const LayerText& text, const LayerInfo& info) {
    const Shape& input = info.input;
    const std::size_t channels = input.channels();
    return {channels,
            input.size() / channels,
            input.is_image() ? input.extents[0] : 1,
            input.is_image() ? input.extents[1] : 1,
            info.parameters.size() == 2,
            text.size("per_step", 1),
            norm_epsilon(text),
            text.number("momentum", 0.1),
            info.chunk_rows};
  }

  const BatchNormPass pass_;
};

LayerPtr make_batch_norm(const LayerText& text, const Shape& input) {
  return std::make_unique<BatchNorm>(text, input);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LAYER(make_batch_norm)
}  // namespace maml
#endif
