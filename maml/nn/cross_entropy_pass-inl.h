// The pass of cross-entropy; cross_entropy.cpp makes a loss of it.

#if defined(MAML_NN_CROSS_ENTROPY_PASS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_NN_CROSS_ENTROPY_PASS_INL_H_
#undef MAML_NN_CROSS_ENTROPY_PASS_INL_H_
#else
#define MAML_NN_CROSS_ENTROPY_PASS_INL_H_
#endif

#include <cstddef>

#include "maml/nn/loss-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// Softmax cross-entropy with whole class numbers, each row times its weight; metric: accuracy, of which weights are no
/// part. Of equal outputs the first class is predicted; what is not a number is right for no class. Labels are below
/// f.size: whoever lets one in has looked at it.
class CrossEntropyPass {
public:
  template <class T> static std::size_t class_of(T y) { return static_cast<std::size_t>(real_part(y)); }

  template <class Pass> static typename Pass::One evaluate(const LossFrame<Pass>& f, Normalisation normalisation) {
    using One = typename Pass::One;
    const One all = One::set(f.scale(normalisation));
    One loss = One::set(0);
    for (std::size_t row = 0; row < f.rows; ++row) {
      const auto output = f.output + s(row * f.size), dy = f.dy + s(row * f.size);
      const One weight = Pass::constant(f.weight ? f.weight[row] : typename Pass::Scalar(1)), scale = weight * all;
      const std::size_t label = class_of(f.y[row]);
      // The shift keeps exp in range; value_of: the result does not depend on it, so neither do derivatives.
      const One shift = value_of(Pass::load_one(output, largest<Pass>(output, f.size)));
      const auto centre = Pass::broadcast(shift);
      One sum = One::set(0);
      Pass::each(f.size, [&](auto at) HWY_ATTR { sum = sum + Pass::sum(exp(Pass::load(output, at) - centre), at); });
      loss = loss + weight * (log(sum) + shift - Pass::load_one(output, label));
      if (!f.dy) continue;
      const auto factor = Pass::broadcast(scale / sum);
      Pass::each(f.size, [&](auto at) HWY_ATTR { Pass::store(dy, at, exp(Pass::load(output, at) - centre) * factor); });
      Pass::store_one(dy, label, Pass::load_one(dy, label) - scale);
    }
    return loss * all;
  }

  template <class Pass> static typename Pass::Scalar measure(const LossFrame<Pass>& f) {
    using One = typename Pass::One;
    std::size_t right = 0;
    for (std::size_t row = 0; row < f.rows; ++row) {
      const auto output = f.output + s(row * f.size);
      const std::size_t label = class_of(f.y[row]);
      const One of_label = Pass::load_one(output, label);
      right += largest<Pass>(output, f.size) == label && equal(of_label, of_label);
    }
    return static_cast<typename Pass::Scalar>(right) / static_cast<typename Pass::Scalar>(f.rows);
  }

private:
  static std::ptrdiff_t s(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }
  template <class Pass> static std::size_t largest(typename Pass::Ref output, std::size_t size) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < size; ++i)
      if (greater(Pass::load_one(output, i), Pass::load_one(output, best))) best = i;
    return best;
  }
};

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
