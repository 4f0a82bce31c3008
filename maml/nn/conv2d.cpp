#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/conv2d.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/conv_places.h"
#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// 2-D convolution (cross-correlation) over H x W x C images with TensorFlow's padding. Weights lie (kh, kw, in, out);
/// at the border they are PyTorch's (out, in, kh, kw). Every pass is a batch-reduce product over taps whose rows or
/// terms are listed (docs/design.md, convolutions). Cache: the weights with each tap transposed, left by backward.
class Conv2d : public VectorLayer<Conv2d> {
public:
  Conv2d(const LayerText& text, const Shape& input) : VectorLayer(describe(text, input)) {
    const ConvAxis rows = axis(text, input, 0), columns = axis(text, input, 1);
    kernel_ = columns.kernel;
    const ConvImage in{rows.in, columns.in, in_}, out{rows.out, columns.out, out_};
    // Blocks: sums over terms go over both operands again for every tap, sums into rows only over the weights.
    constexpr std::size_t row_block = 400, term_block = 100;
    forward_ = {forward_stretches(rows), forward_stretches(columns), in, out, row_block};
    input_gradient_ = {input_gradient_stretches(rows), input_gradient_stretches(columns), out, in, row_block};
    weight_gradient_ = {joins_taps() ? forward_stretches(rows) : tap_stretches(rows),
                        joins_taps() ? forward_stretches(columns) : tap_stretches(columns), in, out, term_block};
    for (const auto& patch : weight_gradient_.patches()) weight_rows_.push_back(weight_rows(patch));
    if (joins_taps())
      for (const auto& patch : forward_.patches()) forward_terms_.push_back(forward_terms(patch));
  }

  std::size_t cache_size(std::size_t) const override { return info().parameters[0].size; }

  template <class Pass> void forward(const Frame<Pass>& f) const {
    const auto bias = has_bias() ? f.parameter[1] : typename Pass::Ref{};
    forward_.each(
        f.rows, [&](const auto& patch, const RowPlace* places, std::size_t count, std::ptrdiff_t x, std::ptrdiff_t y) {
          if (joins_taps()) {
            const auto& terms = forward_terms_[patch.index];
            Pass::product(TermsShape{places, terms.data(), count, out_, terms.size()},
                          std::array<typename Pass::Pair, 1>{{{f.x + x, f.parameter[0]}}}, 1, bias, Into::overwrite,
                          f.y + y);
            return;
          }
          const auto& columns = patch.columns.taps;
          Sum<Pass> sum(RowsShape{places, count, out_, columns.size() * in_, s(out_)}, bias, f.y + y);
          if (!columns.empty())  // taps of one row lie side by side in x and in the weights
            for (const auto& row : patch.rows.taps)
              sum.add(f.x + (x + forward_.tap(row, columns[0])), f.parameter[0] + weight(row.k, columns[0].k));
          sum.done();
        });
  }

  template <class Pass> void backward(const Frame<Pass>& f) const {
    parameter_gradient(f);
    if (!f.dx) return;
    if (!f.continues)
      for (std::size_t tap = 0; tap < taps(); ++tap)
        Pass::transpose(f.parameter[0] + s(tap * in_ * out_), in_, out_, f.cache + s(tap * in_ * out_));
    const auto turned = Pass::derived_from(f.cache, f.parameter[0]);
    input_gradient_.each(f.rows, [&](const auto& patch, const RowPlace* places, std::size_t count, std::ptrdiff_t dy,
                                     std::ptrdiff_t dx) {
      Sum<Pass> sum(RowsShape{places, count, in_, out_, s(in_)}, {}, f.dx + dx);
      for (const auto& row : patch.rows.taps)
        for (const auto& column : patch.columns.taps)
          sum.add(f.dy + (dy + input_gradient_.tap(row, column)), turned + weight(row.k, column.k));
      sum.done();
    });
  }

private:
  static std::ptrdiff_t s(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }
  bool has_bias() const { return info().parameters.size() == 2; }
  /// All taps in one product: worth more than long sums where channels are few.
  bool joins_taps() const { return in_ < 8; }
  std::size_t taps() const { return info().parameters[0].size / (in_ * out_); }
  std::ptrdiff_t weight(std::size_t ky, std::size_t kx) const { return s((ky * kernel_ + kx) * in_ * out_); }

  /// A gathered product over pairs that come one by one.
  template <class Pass> class Sum {
  public:
    using Ref = typename Pass::Ref;
    Sum(const RowsShape& shape, Ref bias, Ref c) : shape_(shape), bias_(bias), c_(c) {}
    void add(Ref a, Ref b) {
      if (count_ == pairs_.size()) flush();
      pairs_[count_++] = {a, b};
    }
    void done() {
      if (count_ > 0 || into_ == Into::overwrite) flush();
    }

  private:
    void flush() {
      Pass::product(shape_, pairs_, count_, bias_, into_, c_);
      into_ = Into::accumulate;
      bias_ = {};
      count_ = 0;
    }
    const RowsShape shape_;
    Ref bias_;
    const Ref c_;
    std::array<typename Pass::Pair, 9> pairs_;
    std::size_t count_ = 0;
    Into into_ = Into::overwrite;
  };

  template <class Pass> void parameter_gradient(const Frame<Pass>& f) const {
    if (!f.continues)
      for (std::size_t i = 0; i < info().parameters.size(); ++i)
        Pass::zero(f.d_parameter[i], info().parameters[i].size);
    weight_gradient_.each(
        f.rows,
        [&](const auto& patch, const TermPlace* places, std::size_t count, std::ptrdiff_t x, std::ptrdiff_t dy) {
          const auto& rows = weight_rows_[patch.index];
          Pass::product(TermsShape{rows.data(), places, rows.size(), out_, count},
                        std::array<typename Pass::Pair, 1>{{{f.x + x, f.dy + dy}}}, 1, {}, Into::accumulate,
                        f.d_parameter[0]);
        },
        [&](std::size_t first, std::size_t count) {
          if (has_bias()) Pass::add_row_sum(f.dy + s(first * out_), count, out_, f.d_parameter[1]);
        });
  }

  /// f(where it reads x, where it lies in the weights) for each tap and input channel of a patch.
  template <class Places, class F> void each_term(const Places& all, const typename Places::Patch& patch, F f) const {
    for (const auto& row : patch.rows.taps)
      for (const auto& column : patch.columns.taps)
        for (std::size_t i = 0; i < in_; ++i)
          f(static_cast<std::int32_t>(all.tap(row, column) + s(i)),
            static_cast<std::int32_t>(weight(row.k, column.k) + s(i * out_)));
  }
  std::vector<TermPlace> forward_terms(const ConvPlaces<RowPlace>::Patch& patch) const {
    std::vector<TermPlace> list;
    each_term(forward_, patch, [&](std::int32_t x, std::int32_t weight) { list.push_back({x, weight}); });
    return list;
  }
  std::vector<RowPlace> weight_rows(const ConvPlaces<TermPlace>::Patch& patch) const {
    std::vector<RowPlace> list;
    each_term(weight_gradient_, patch, [&](std::int32_t x, std::int32_t weight) { list.push_back({x, weight}); });
    return list;
  }

  static ConvAxis axis(const LayerText& text, const Shape& input, std::size_t which) {
    return ConvAxis::make(input.extents[which], text.size("kernel", 3), text.size("stride", 1),
                          text.word("padding", "same", {"same", "valid"}) == "same");
  }

  static LayerInfo describe(const LayerText& text, const Shape& input) {
    const std::size_t out = text.size(0, "number of filters"), kernel = text.size("kernel", 3);
    require(input.is_image(), "conv2d", "wants an image (H x W x C), but its input is ", to_string(input));
    checked_size("conv2d", input.extents);  // places within an image count in 32 bits (conv_places.h)
    const bool same = text.word("padding", "same", {"same", "valid"}) == "same";
    for (std::size_t axis = 0; axis < 2; ++axis)
      require(same || kernel <= input.extents[axis], "conv2d", "kernel ", kernel, " is larger than input ",
              to_string(input), " (use padding=same)");
    const std::size_t in = input.channels(), taps = kernel * kernel;
    const ConvAxis rows = axis(text, input, 0), columns = axis(text, input, 1);
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

  const std::size_t in_ = info().input.channels(), out_ = info().output.channels();
  std::size_t kernel_;
  ConvPlaces<RowPlace> forward_, input_gradient_;
  ConvPlaces<TermPlace> weight_gradient_;
  std::vector<std::vector<TermPlace>> forward_terms_;  // of each patch, where taps are joined
  std::vector<std::vector<RowPlace>> weight_rows_;     // of each patch
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
