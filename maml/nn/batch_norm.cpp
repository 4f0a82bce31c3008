#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/batch_norm.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/layer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// Each channel to mean 0 and variance 1 over rows and pixels (Ioffe and Szegedy 2015), then times weight (optional)
/// plus bias. Whose rows give mean and variance is the call's to say, else the text's (docs/design.md, batch norm):
///   transductive  the batch at hand, in testing too (the original MAML)
///   support       the support rows; a query batch then begins with them, and gradient and H v flow through both
///   running       in training the batch at hand, in evaluation the running statistics
/// per_step=K keeps weight and bias for each of K inner steps (MAML++). Cache: mean and 1 / std.
class BatchNorm : public VectorLayer<BatchNorm> {
public:
  BatchNorm(const LayerText& text, const Shape& input)
      : VectorLayer(describe(text, input)), epsilon_(text.number("epsilon", 1e-3)),
        momentum_(text.number("momentum", 0.1)), steps_(text.size("per_step", 1)) {
    require(epsilon_ > 0, "batch_norm", "epsilon must be above 0");
  }

  std::size_t cache_size(std::size_t) const override { return 2 * channels_; }

  template <class Pass> void forward(const Frame<Pass>& f) const {
    using Number = typename Pass::Number;
    const std::size_t positions = f.rows * pixels_, counted = f.statistics_rows() * pixels_;
    const bool read_state = reads_state(f);
    Pass::each(channels_, [&](auto at) HWY_ATTR {
      Number mean = Number::set(0), variance = Number::set(0);
      if (read_state) {
        mean = Pass::load_constant(f.state, at);
        variance = Pass::load_constant(f.state + channels_, at);
      } else {
        const Number share = Number::set(1.0 / static_cast<double>(counted));
        for (std::size_t p = 0; p < counted; ++p) mean = mean + Pass::load(f.x + pixel(p), at);
        mean = mean * share;
        for (std::size_t p = 0; p < counted; ++p) {
          const Number distance = Pass::load(f.x + pixel(p), at) - mean;
          variance = variance + distance * distance;
        }
        variance = variance * share;
        move_state<Pass>(f, at, mean, variance);
      }
      const Number inverse = Number::set(1) / sqrt(variance + Number::set(epsilon_));
      const Number bias = Pass::load(f.parameter[bias_index()] + set_offset(f.step), at);
      const Number scale = inverse * weight<Pass>(f, at);
      for (std::size_t p = 0; p < positions; ++p)
        Pass::store(f.y + pixel(p), at, (Pass::load(f.x + pixel(p), at) - mean) * scale + bias);
      Pass::store(f.cache, at, mean);
      Pass::store(f.cache + s(channels_), at, inverse);
    });
  }

  template <class Pass> void backward(const Frame<Pass>& f) const {
    using Number = typename Pass::Number;
    const std::size_t positions = f.rows * pixels_, counted = f.statistics_rows() * pixels_;
    const bool read_state = reads_state(f);
    for (std::size_t i = 0; i < info().parameters.size(); ++i) Pass::zero(f.d_parameter[i], info().parameters[i].size);
    Pass::each(channels_, [&](auto at) HWY_ATTR {
      const Number mean = Pass::load(f.cache, at), inverse = Pass::load(f.cache + s(channels_), at);
      Number sum = Number::set(0), along = Number::set(0);
      for (std::size_t p = 0; p < positions; ++p) {
        const Number dy = Pass::load(f.dy + pixel(p), at);
        sum = sum + dy;
        along = along + dy * ((Pass::load(f.x + pixel(p), at) - mean) * inverse);
      }
      Pass::store(f.d_parameter[bias_index()] + set_offset(f.step), at, sum);
      if (has_weight()) Pass::store(f.d_parameter[0] + set_offset(f.step), at, along);
      if (!f.dx) return;
      const Number gamma = weight<Pass>(f, at), scale = inverse * gamma;
      const Number share = Number::set(1.0 / static_cast<double>(counted));
      for (std::size_t p = 0; p < positions; ++p) {
        Number dx = scale * Pass::load(f.dy + pixel(p), at);
        if (!read_state && p < counted) {
          const Number normal = (Pass::load(f.x + pixel(p), at) - mean) * inverse;
          dx = dx - scale * share * (sum + normal * along);
        }
        Pass::store(f.dx + pixel(p), at, dx);
      }
    });
  }

private:
  static std::ptrdiff_t s(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }
  std::ptrdiff_t pixel(std::size_t p) const { return s(p * channels_); }
  bool has_weight() const { return info().parameters.size() == 2; }
  std::size_t bias_index() const { return has_weight() ? 1 : 0; }
  /// Where the parameters of this inner step lie; steps beyond the last use the last.
  std::ptrdiff_t set_offset(int step) const {
    return s(std::min(static_cast<std::size_t>(step), steps_ - 1) * channels_);
  }
  template <class Pass> bool reads_state(const Frame<Pass>& f) const {
    return f.evaluating && f.statistics == Statistics::running;
  }
  template <class Pass, class At> HWY_INLINE typename Pass::Number weight(const Frame<Pass>& f, At at) const {
    return has_weight() ? Pass::load(f.parameter[0] + set_offset(f.step), at) : Pass::Number::set(1);
  }

  /// Adds momentum * (statistic - state) to the state's delta. Values only: no tangent pass moves the state.
  template <class Pass, class At>
  void move_state(const Frame<Pass>& f, At at, typename Pass::Number mean, typename Pass::Number variance) const {
    if constexpr (std::is_same_v<typename Pass::Ref, typename Value<typename Pass::Scalar>::Ref>) {
      if (f.statistics != Statistics::running || !f.state_delta || !f.state) return;
      using Ref = typename Pass::Ref;
      const auto rate = Pass::Number::set(momentum_);
      const auto add = [&](std::size_t offset, typename Pass::Number now) HWY_ATTR {
        const Ref delta{f.state_delta + offset};
        Pass::store(delta, at, Pass::load(delta, at) + rate * (now - Pass::load_constant(f.state + offset, at)));
      };
      add(0, mean);
      add(channels_, variance);
    }
  }

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
      info.state = {{"running_mean", channels, 0}, {"running_var", channels, 1}};
    info.depends_on_step = per_step;
    return info;
  }

  const std::size_t channels_ = info().input.channels(), pixels_ = info().input.size() / channels_;
  const double epsilon_, momentum_;
  const std::size_t steps_;
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
