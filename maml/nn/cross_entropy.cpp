#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/nn/cross_entropy.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>

#include "maml/nn/dispatch.h"
#include "maml/nn/loss-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// Softmax cross-entropy with whole class numbers, each row times its weight; metric: accuracy, of which weights are no
/// part. Of equal outputs the first class is predicted; what is not a number is right for no class.
class CrossEntropy : public VectorLoss<CrossEntropy> {
public:
  explicit CrossEntropy(Normalisation normalisation) : VectorLoss("cross_entropy", "accuracy", normalisation) {}
  std::size_t targets(std::size_t) const override { return 1; }

  template <class Pass> typename Pass::One evaluate(const LossFrame<Pass>& f) const {
    using One = typename Pass::One;
    const One all = One::set(f.scale(normalisation()));
    One loss = One::set(0);
    for (std::size_t row = 0; row < f.rows; ++row) {
      const auto output = f.output + s(row * f.size), dy = f.dy + s(row * f.size);
      const One weight = Pass::constant(f.weight ? f.weight[row] : typename Pass::Scalar(1)), scale = weight * all;
      const std::size_t label = class_of(f.y[row]);
      require(label < f.size, "cross_entropy", "met class ", label, ", but the model tells ", f.size,
              " apart (classes count from 0; change the size of the last layer)");
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

  template <class Pass> typename Pass::Scalar measure(const LossFrame<Pass>& f) const {
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
  template <class T> static std::size_t class_of(T y) { return static_cast<std::size_t>(real_part(y)); }
  template <class Pass> static std::size_t largest(typename Pass::Ref output, std::size_t size) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < size; ++i)
      if (greater(Pass::load_one(output, i), Pass::load_one(output, best))) best = i;
    return best;
  }
};

std::unique_ptr<Loss> make_cross_entropy(Normalisation normalisation) {
  return std::make_unique<CrossEntropy>(normalisation);
}

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml {
MAML_DISPATCH_LOSS(make_cross_entropy)
}  // namespace maml
#endif
