#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/conv2d.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/conv2d_pass-inl.h"
#include "maml/nn/conv_text.h"
#include "maml/nn/dispatch.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// Conv2dPass as a layer.
class Conv2d : public VectorLayer<Conv2d> {
public:
  Conv2d(const LayerText& text, const Shape& input)
      : VectorLayer(describe(text, input)),
        lists_(conv_axis(text, input, 0), conv_axis(text, input, 1), info().input.channels(), info().output.channels()),
        memory_(std::make_unique<std::byte[]>(lists_.bytes())), pass_(lists_, info().parameters.size() == 2) {
    lists_.lay_out(memory_.get());
  }

  std::size_t cache_size(std::size_t) const override { return pass_.cache_size(); }

  template <class Pass> void forward(const Frame<Pass>& f) const { pass_.forward(f); }
  template <class Pass> void backward(const Frame<Pass>& f) const { pass_.backward(f); }

private:
  static LayerInfo describe(const LayerText& text, const Shape& input) {
    const std::size_t out = text.size(0, "number of filters");
    const ConvText conv(text);
    const std::size_t kernel = conv.kernel;
    require(input.is_image(), "conv2d", "wants an image (H x W x C), but its input is ", to_string(input));
    checked_size("conv2d", input.extents);  // places within an image count in 32 bits (conv_places.h)
    for (std::size_t axis = 0; axis < 2; ++axis)
      require(conv.is_same || kernel <= input.extents[axis], "conv2d", "kernel ", kernel, " is larger than input ",
              to_string(input), " (use padding=same)");
    const std::size_t in = input.channels(), taps = kernel * kernel;
    const ConvAxis rows = conv_axis(text, input, 0), columns = conv_axis(text, input, 1);
    LayerInfo info{"conv2d", "conv", input, Shape{{rows.out, columns.out, out}}};
    const std::size_t weights = checked_size("conv2d", {out, in, kernel, kernel});
    checked_size("conv2d", {rows.out, columns.out, out});
    std::vector<std::uint32_t> order;
    for (std::size_t o = 0; o < out; ++o)
      for (std::size_t i = 0; i < in; ++i)
        for (std::size_t tap = 0; tap < taps; ++tap)
          order.push_back(static_cast<std::uint32_t>((tap * in + i) * out + o));
    info.parameters.push_back({"weight",
                               weights,
                               parse_init("conv2d", text.word("init", "glorot"), in * taps, out * taps),
                               {out, in, kernel, kernel},
                               order});
    if (text.flag("bias", true))
      info.parameters.push_back({"bias", out, parse_init("conv2d", text.word("bias_init", "zeros"), in, out), {out}});
    info.reads_output = false;
    info.works_in_place = true;
    info.works_by_rows = true;
    info.products_per_row = rows.taps() * columns.taps() * static_cast<double>(in * out);
    return info;
  }

  ConvLists lists_;
  const std::unique_ptr<std::byte[]> memory_;  // of the lists
  const Conv2dPass pass_;
};

LayerPtr make_conv2d(const LayerText& text, const Shape& input) {
  return std::make_unique<Conv2d>(text, input);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LAYER(make_conv2d)
}  // namespace maml
#endif
