// How a loss is written: a class with
//   template <class Pass> typename Pass::One evaluate(const LossFrame<Pass>&) const;   the loss; writes dy unless null
//   template <class T> T measure(const LossFrame<Pass<Value<T>>>&) const;              the metric
// derived from VectorLoss<itself>; compiled as layers are (layer-inl.h).

#if defined(MAML_NN_LOSS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_NN_LOSS_INL_H_
#undef MAML_NN_LOSS_INL_H_
#else
#define MAML_NN_LOSS_INL_H_
#endif

#include "maml/base/error.h"
#include "maml/kernels/pass-inl.h"
#include "maml/nn/loss.h"

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {

/// One task's judged rows.
template <class Pass> struct LossFrame {
  using Scalar = typename Pass::Scalar;
  std::size_t rows, size, shots;
  typename Pass::Ref output, dy;
  const Scalar *y, *weight;

  /// What the sum over rows is multiplied by, where a row counts `of_row` terms.
  double scale(Normalisation normalisation, std::size_t of_row = 1) const {
    return 1.0 / static_cast<double>(normalisation == Normalisation::mean ? rows * of_row : shots);
  }
};

template <class Derived> class VectorLoss : public Loss {
public:
  using Loss::Loss;
  void evaluate(const LossCall<Value<float>>& c) const override { each_task(c); }
  void evaluate(const LossCall<Tangent<float>>& c) const override { each_task(c); }
  void evaluate(const LossCall<Value<double>>& c) const override { each_task(c); }
  void evaluate(const LossCall<Tangent<double>>& c) const override { each_task(c); }
  void evaluate(const LossCall<Value<std::complex<double>>>& c) const override { each_task(c); }
  void measure(const LossCall<Value<float>>& c) const override { measure_each(c); }
  void measure(const LossCall<Value<double>>& c) const override { measure_each(c); }

private:
  const Derived& self() const { return *static_cast<const Derived*>(this); }

  template <class P> LossFrame<Pass<P>> frame(const LossCall<P>& c, std::size_t task) const {
    const auto n = static_cast<std::ptrdiff_t>(task), skip = static_cast<std::ptrdiff_t>(c.support_rows);
    const auto width = static_cast<std::ptrdiff_t>(targets(c.size)), size = static_cast<std::ptrdiff_t>(c.size);
    return {c.rows - c.support_rows,
            c.size,
            c.shots,
            c.output.task(task) + skip * size,
            c.dy.task(task) + skip * size,
            c.y + n * c.y_stride + skip * width,
            c.weight ? c.weight + n * c.weight_stride + skip : nullptr};
  }
  template <class P> void each_task(const LossCall<P>& c) const {
    for (std::size_t task = 0; task < c.tasks; ++task) {
      if (const auto dy = c.dy.task(task); dy && c.support_rows) Pass<P>::zero(dy, c.support_rows * c.size);
      [[maybe_unused]] const auto loss = self().evaluate(frame(c, task));
      if constexpr (std::is_same_v<P, Value<typename P::Scalar>>)
        if (c.losses) c.losses[task] = loss.raw;
    }
  }
  template <class P> void measure_each(const LossCall<P>& c) const {
    for (std::size_t task = 0; task < c.tasks; ++task) c.losses[task] = self().measure(frame(c, task));
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
