// The passes of a linear layer, over plain sizes; linear.cpp makes these of a layer's text.

#if defined(MAML_NN_LINEAR_PASS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_NN_LINEAR_PASS_INL_H_
#undef MAML_NN_LINEAR_PASS_INL_H_
#else
#define MAML_NN_LINEAR_PASS_INL_H_
#endif

#include <array>
#include <cstddef>

#include "maml/nn/layer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// y = x W + b. W lies (in, out), so that forward and weight gradient read along the outputs; at the border it is
/// PyTorch's (out, in), and inputs that come from a flatten are ordered C, H, W there.
class LinearPass {
public:
  LinearPass(std::size_t in, std::size_t out, bool has_bias) : in_(in), out_(out), has_bias_(has_bias) {}

  template <class Pass> void forward(const Frame<Pass>& f) const {
    using Pair = typename Pass::Pair;
    Pass::product(ProductShape{f.rows, out_, in_, s(in_), 1, s(out_), 1, s(out_)},
                  std::array<Pair, 1>{Pair{f.x, f.parameter[0]}}, 1, has_bias_ ? f.parameter[1] : typename Pass::Ref{},
                  Into::overwrite, f.y);
  }

  template <class Pass> void backward(const Frame<Pass>& f) const {
    using Pair = typename Pass::Pair;
    // dW = x^T dy
    Pass::product(ProductShape{in_, out_, f.rows, 1, s(in_), s(out_), 1, s(out_)}, std::array<Pair, 1>{Pair{f.x, f.dy}},
                  1, {}, Into::overwrite, f.d_parameter[0]);
    if (has_bias_) {
      Pass::zero(f.d_parameter[1], out_);
      Pass::add_row_sum(f.dy, f.rows, out_, f.d_parameter[1]);
    }
    backward_rows(f);
  }

  /// The part of backward that is each row's own: dx = dy W^T.
  template <class Pass> void backward_rows(const Frame<Pass>& f) const {
    using Pair = typename Pass::Pair;
    if (f.dx)
      Pass::product(ProductShape{f.rows, in_, out_, s(out_), 1, 1, s(out_), s(in_)},
                    std::array<Pair, 1>{Pair{f.dy, f.parameter[0]}}, 1, {}, Into::overwrite, f.dx);
  }

private:
  static std::ptrdiff_t s(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }

  std::size_t in_, out_;
  bool has_bias_;
};

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
