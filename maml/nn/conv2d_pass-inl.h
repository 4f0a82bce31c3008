// The passes of a convolution, over lists of places; conv2d.cpp makes these of a layer's text.

#if defined(MAML_NN_CONV2D_PASS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_NN_CONV2D_PASS_INL_H_
#undef MAML_NN_CONV2D_PASS_INL_H_
#else
#define MAML_NN_CONV2D_PASS_INL_H_
#endif

#include <array>
#include <cstddef>

#include "maml/nn/conv_places.h"
#include "maml/nn/layer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// 2-D convolution (cross-correlation) over H x W x C images with TensorFlow's padding. Weights lie (kh, kw, in, out);
/// at the border they are PyTorch's (out, in, kh, kw). Every pass is a batch-reduce product over taps whose rows or
/// terms are listed (docs/design.md, convolutions). Cache: the weights with each tap transposed, left by backward.
class Conv2dPass {
public:
  /// The lists are borrowed, and laid out before the first pass.
  Conv2dPass(const ConvLists& lists, bool has_bias) : lists_(lists), has_bias_(has_bias) {}

  /// Elements of the weights, and of the cache for any number of rows.
  std::size_t weights() const { return lists_.taps * in() * out(); }
  std::size_t cache_size() const { return weights(); }

  template <class Pass> void forward(const Frame<Pass>& f) const {
    const auto bias = has_bias_ ? f.parameter[1] : typename Pass::Ref{};
    lists_.forward.each(
        f.rows, [&](const auto& patch, const RowPlace* places, std::size_t count, std::ptrdiff_t x, std::ptrdiff_t y) {
          if (lists_.joins_taps()) {
            Pass::product(TermsShape{places, patch.weights, count, out(), patch.weight_count},
                          std::array<typename Pass::Pair, 1>{{{f.x + x, f.parameter[0]}}}, 1, bias, Into::overwrite,
                          f.y + y);
            return;
          }
          const AxisStretch &rows = patch.rows, &columns = patch.columns;
          Sum<Pass> sum(RowsShape{places, count, out(), columns.taps * in(), s(out())}, bias, f.y + y);
          if (columns.taps > 0)  // taps of one row lie side by side in x and in the weights
            for (std::size_t i = 0; i < rows.taps; ++i)
              sum.add(f.x + (x + lists_.forward.tap(rows.tap(i), columns.tap(0))),
                      f.parameter[0] + weight(rows.tap(i), columns.tap(0)));
          sum.done();
        });
  }

  template <class Pass> void backward(const Frame<Pass>& f) const {
    parameter_gradient(f);
    if (!f.dx) return;
    if (!f.continues)
      for (std::size_t tap = 0; tap < lists_.taps; ++tap)
        Pass::transpose(f.parameter[0] + s(tap * in() * out()), in(), out(), f.cache + s(tap * in() * out()));
    const auto turned = Pass::derived_from(f.cache, f.parameter[0]);
    lists_.input_gradient.each(f.rows, [&](const auto& patch, const RowPlace* places, std::size_t count,
                                           std::ptrdiff_t dy, std::ptrdiff_t dx) {
      Sum<Pass> sum(RowsShape{places, count, in(), out(), s(in())}, {}, f.dx + dx);
      for (std::size_t i = 0; i < patch.rows.taps; ++i)
        for (std::size_t j = 0; j < patch.columns.taps; ++j) {
          const auto row = patch.rows.tap(i), column = patch.columns.tap(j);
          sum.add(f.dy + (dy + lists_.input_gradient.tap(row, column)), turned + weight(row, column));
        }
      sum.done();
    });
  }

private:
  static std::ptrdiff_t s(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }
  std::size_t in() const { return lists_.in; }
  std::size_t out() const { return lists_.out; }
  std::ptrdiff_t weight(const AxisStretch::Tap& row, const AxisStretch::Tap& column) const {
    return s((row.k * lists_.kernel_columns + column.k) * in() * out());
  }

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
    if (!f.continues) {
      Pass::zero(f.d_parameter[0], weights());
      if (has_bias_) Pass::zero(f.d_parameter[1], out());
    }
    lists_.weight_gradient.each(
        f.rows,
        [&](const auto& patch, const TermPlace* places, std::size_t count, std::ptrdiff_t x, std::ptrdiff_t dy) {
          Pass::product(TermsShape{patch.weights, places, patch.weight_count, out(), count},
                        std::array<typename Pass::Pair, 1>{{{f.x + x, f.dy + dy}}}, 1, {}, Into::accumulate,
                        f.d_parameter[0]);
        },
        [&](std::size_t first, std::size_t count) {
          if (has_bias_) Pass::add_row_sum(f.dy + s(first * out()), count, out(), f.d_parameter[1]);
        });
  }

  const ConvLists& lists_;
  bool has_bias_;
};

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
