#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/conv2d.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// Where one side's taps fall on real pixels.
struct ConvSide {
  std::size_t in, out, kernel, stride, before;  ///< `before`: padding in front; TensorFlow's SAME may pad more behind

  static ConvSide make(std::size_t in, std::size_t kernel, std::size_t stride, bool same) {
    if (!same) return {in, (in - kernel) / stride + 1, kernel, stride, 0};
    const std::size_t out = (in + stride - 1) / stride, reach = (out - 1) * stride + kernel;
    return {in, out, kernel, stride, (reach > in ? reach - in : 0) / 2};
  }
  /// Outputs [first, last) that tap `k` feeds from a real pixel.
  std::size_t first(std::size_t k) const { return k >= before ? 0 : (before - k + stride - 1) / stride; }
  std::size_t last(std::size_t k) const {
    const std::size_t end = in + before;  // the tap of output o sits at o * stride + k in padded coordinates
    return k >= end ? 0 : std::min(out, (end - k + stride - 1) / stride);
  }
  std::size_t pixel(std::size_t output, std::size_t k) const { return output * stride + k - before; }
  double taps() const {
    double sum = 0;
    for (std::size_t k = 0; k < kernel; ++k)
      if (last(k) > first(k)) sum += static_cast<double>(last(k) - first(k));
    return sum;
  }
};

/// 2-D convolution (cross-correlation) over H x W x C images with TensorFlow's padding. Weights lie (kh, kw, in, out);
/// at the border they are PyTorch's (out, in, kh, kw). Plain: one product a tap and row of pixels.
class Conv2d : public VectorLayer<Conv2d> {
public:
  Conv2d(const LayerText& text, const Shape& input)
      : VectorLayer(describe(text, input)), rows_(side(text, input, 0)), columns_(side(text, input, 1)) {}

  template <class Pass> void forward(const Frame<Pass>& f) const {
    const std::size_t positions = f.rows * rows_.out * columns_.out;
    Pass::product(ProductShape{positions, out_, 0, 0, 1, s(out_), 1, s(out_)}, std::array<typename Pass::Pair, 1>{}, 0,
                  has_bias() ? f.parameter[1] : typename Pass::Ref{}, Into::overwrite, f.y);
    each_tap(f.rows, [&](const Run& run) {
      Pass::product(ProductShape{run.pixels, out_, in_, x_step(), 1, s(out_), 1, s(out_)},
                    std::array<typename Pass::Pair, 1>{{{f.x + run.x, f.parameter[0] + run.w}}}, 1, {},
                    Into::accumulate, f.y + run.y);
    });
  }

  template <class Pass> void backward(const Frame<Pass>& f) const {
    Pass::zero(f.d_parameter[0], info().parameters[0].size);
    if (f.dx) Pass::zero(f.dx, f.rows * info().input.size());
    each_tap(f.rows, [&](const Run& run) {
      Pass::product(ProductShape{in_, out_, run.pixels, 1, x_step(), s(out_), 1, s(out_)},
                    std::array<typename Pass::Pair, 1>{{{f.x + run.x, f.dy + run.y}}}, 1, {}, Into::accumulate,
                    f.d_parameter[0] + run.w);
      if (f.dx)
        Pass::product(ProductShape{run.pixels, in_, out_, s(out_), 1, 1, s(out_), x_step()},
                      std::array<typename Pass::Pair, 1>{{{f.dy + run.y, f.parameter[0] + run.w}}}, 1, {},
                      Into::accumulate, f.dx + run.x);
    });
    if (!has_bias()) return;
    const std::size_t positions = f.rows * rows_.out * columns_.out;
    Pass::each(out_, [&](auto at) HWY_ATTR {
      auto sum = Pass::Number::set(0);
      for (std::size_t p = 0; p < positions; ++p) sum = sum + Pass::load(f.dy + s(p * out_), at);
      Pass::store(f.d_parameter[1], at, sum);
    });
  }

private:
  static std::ptrdiff_t s(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }
  bool has_bias() const { return info().parameters.size() == 2; }
  std::ptrdiff_t x_step() const { return s(columns_.stride * in_); }

  /// One tap over one row of output pixels: offsets of its first pixel in x and y, of its weights, and its length.
  struct Run {
    std::ptrdiff_t x, y, w;
    std::size_t pixels;
  };
  template <class F> void each_tap(std::size_t images, F f) const {
    for (std::size_t image = 0; image < images; ++image)
      for (std::size_t i = 0; i < rows_.out; ++i)
        for (std::size_t ky = 0; ky < rows_.kernel; ++ky) {
          if (i < rows_.first(ky) || i >= rows_.last(ky)) continue;
          for (std::size_t kx = 0; kx < columns_.kernel; ++kx) {
            const std::size_t first = columns_.first(kx), last = columns_.last(kx);
            if (first >= last) continue;
            const std::size_t x = (image * rows_.in + rows_.pixel(i, ky)) * columns_.in + columns_.pixel(first, kx);
            const std::size_t y = (image * rows_.out + i) * columns_.out + first;
            f(Run{s(x * in_), s(y * out_), s((ky * columns_.kernel + kx) * in_ * out_), last - first});
          }
        }
  }

  static ConvSide side(const LayerText& text, const Shape& input, std::size_t axis) {
    return ConvSide::make(input.extents[axis], text.size("kernel", 3), text.size("stride", 1),
                          text.word("padding", "same", {"same", "valid"}) == "same");
  }

  static LayerInfo describe(const LayerText& text, const Shape& input) {
    const std::size_t out = text.size(0, "number of filters"), kernel = text.size("kernel", 3);
    require(input.is_image(), "conv2d", "wants an image (H x W x C), but its input is ", to_string(input));
    const bool same = text.word("padding", "same", {"same", "valid"}) == "same";
    for (std::size_t axis = 0; axis < 2; ++axis)
      require(same || kernel <= input.extents[axis], "conv2d", "kernel ", kernel, " is larger than input ",
              to_string(input), " (use padding=same)");
    const std::size_t in = input.channels(), taps = kernel * kernel;
    const ConvSide rows = side(text, input, 0), columns = side(text, input, 1);
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
    info.products_per_row = rows.taps() * columns.taps() * static_cast<double>(in * out);
    return info;
  }

  const std::size_t in_ = info().input.channels(), out_ = info().output.channels();
  const ConvSide rows_, columns_;
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
