// How a layer is written: a class with
//   template <class Pass> void forward(const Frame<Pass>&) const;    reads x, parameters; writes y and cache
//   template <class Pass> void backward(const Frame<Pass>&) const;   reads all of these and dy; writes dx and
//   d_parameters
// derived from VectorLayer<itself>. Both are compiled for values (the gradient), tangents (the Hessian-vector product)
// and complex numbers (the tests), for float and double, and for every instruction set. docs/add-a-layer.md.

#if defined(MAML_NN_LAYER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_NN_LAYER_INL_H_
#undef MAML_NN_LAYER_INL_H_
#else
#define MAML_NN_LAYER_INL_H_
#endif

#include <array>
#include <utility>

#include "maml/base/error.h"
#include "maml/kernels/pass-inl.h"
#include "maml/nn/layer.h"

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {

/// Parameter slices a layer may have.
constexpr std::size_t max_parameter_slices = 4;

/// One task's part of a call of a layer.
template <class Pass> struct Frame {
  using Ref = typename Pass::Ref;
  using Scalar = typename Pass::Scalar;

  std::size_t rows, support_rows;
  int step;
  bool evaluating;
  Statistics statistics;
  Stage stage;
  std::size_t first_row;
  bool continues;
  Ref x, y, cache, dy, dx, x2, dx2;
  std::array<Ref, max_parameter_slices> parameter, d_parameter;
  const Scalar* state;
  Scalar* state_delta;

  /// Rows that give batch statistics: the support rows of a coupled query batch, all rows elsewhere.
  std::size_t statistics_rows() const { return support_rows ? support_rows : rows; }
};

template <class Derived> class VectorLayer : public Layer {
public:
  explicit VectorLayer(LayerInfo description) : Layer(std::move(description)) {
    require(info().parameters.size() <= max_parameter_slices, info().kind, "has ", info().parameters.size(),
            " parameter slices, at most ", max_parameter_slices, " are possible");
  }
  std::size_t cache_size(std::size_t) const override { return 0; }

  void forward(const LayerCall<Value<float>>& c) const override { all_tasks<true>(c); }
  void forward(const LayerCall<Tangent<float>>& c) const override { all_tasks<true>(c); }
  void forward(const LayerCall<Value<double>>& c) const override { all_tasks<true>(c); }
  void forward(const LayerCall<Tangent<double>>& c) const override { all_tasks<true>(c); }
  void forward(const LayerCall<Value<std::complex<double>>>& c) const override { all_tasks<true>(c); }
  void backward(const LayerCall<Value<float>>& c) const override { all_tasks<false>(c); }
  void backward(const LayerCall<Tangent<float>>& c) const override { all_tasks<false>(c); }
  void backward(const LayerCall<Value<double>>& c) const override { all_tasks<false>(c); }
  void backward(const LayerCall<Tangent<double>>& c) const override { all_tasks<false>(c); }
  void backward(const LayerCall<Value<std::complex<double>>>& c) const override { all_tasks<false>(c); }

private:
  enum class Part { forward, backward, backward_rows };

  template <class Ref> static auto without_tangent(Ref ref) {
    if constexpr (requires { ref.tangent; }) ref.tangent = nullptr;
    return ref;
  }

  /// Whether the rows of all tasks lie one behind the other, `size` elements each (or are not wanted).
  template <class T> static bool is_one(const Strided<Value<T>>& array, std::size_t size) {
    return !array.base || array.stride == static_cast<std::ptrdiff_t>(size);
  }
  template <class T> static bool is_one(const Strided<Tangent<T>>& array, std::size_t size) {
    const auto stride = static_cast<std::ptrdiff_t>(size);
    return (!array.base.value || array.stride == stride) && (!array.base.tangent || array.tangent_stride == stride);
  }
  /// Whether all tasks read the same parameters, if any.
  template <class P> bool shares_parameters(const LayerCall<P>& call) const {
    if (info().parameters.empty()) return true;
    if constexpr (requires { call.parameters.tangent_stride; })
      return false;
    else
      return call.parameters.stride == 0;
  }

  /// Whether what the pass does for each row by itself may be done for the rows of all tasks at once.
  template <bool is_forward, class P> bool is_joint(const LayerCall<P>& call) const {
    const std::size_t in = call.rows * info().input.size(), out = call.rows * info().output.size();
    return call.tasks > 1 && shares_parameters(call) && is_one(call.x, in) && is_one(call.y, out) &&
           (is_forward || (is_one(call.dy, out) && is_one(call.dx, in)));
  }

  /// A layer with `backward_rows`, the part of backward that is each row's own, meets no other row in forward either:
  /// tasks with the same parameters are then one batch, and one product where there would be many.
  template <bool is_forward, class P> void all_tasks(const LayerCall<P>& call) const {
    constexpr bool is_by_rows = requires(const Derived& layer, const Frame<Pass<P>>& f) {
      layer.backward_rows(f);
    };
    if constexpr (is_by_rows) {
      if (is_joint<is_forward>(call)) {
        LayerCall<P> all = call;
        all.tasks = 1;
        all.rows *= call.tasks;
        if constexpr (is_forward) return each_task<Part::forward>(all);
        LayerCall<P> each = call;
        each.dx = {};
        if (!info().parameters.empty()) each_task<Part::backward>(each);
        return each_task<Part::backward_rows>(all);
      }
    }
    each_task<(is_forward ? Part::forward : Part::backward)>(call);
  }

  template <Part part, class P> void each_task(const LayerCall<P>& call) const {
    using CallPass = Pass<P>;
    Frame<CallPass> frame;
    frame.rows = call.rows;
    frame.support_rows = call.support_rows;
    frame.step = call.step;
    frame.evaluating = call.evaluating;
    frame.statistics = call.statistics;
    frame.stage = call.stage;
    frame.first_row = call.first_row;
    frame.continues = call.continues;
    frame.state = call.state;
    const auto& specs = info().parameters;
    for (std::size_t task = 0; task < call.tasks; ++task) {
      frame.x = call.x.task(task);
      frame.y = call.y.task(task);
      frame.cache = call.cache.task(task);
      frame.dy = call.dy.task(task);
      frame.dx = call.dx.task(task);
      frame.x2 = call.x2.task(task);
      frame.dx2 = call.dx2.task(task);
      auto parameter = call.parameters.task(task);
      auto d_parameter = call.d_parameters.task(task);
      for (std::size_t i = 0; i < specs.size(); ++i) {
        const bool active = (call.active >> i & 1u) != 0;
        frame.parameter[i] = active ? parameter : without_tangent(parameter);
        frame.d_parameter[i] = d_parameter;
        parameter = parameter + static_cast<std::ptrdiff_t>(specs[i].size);
        d_parameter = d_parameter + static_cast<std::ptrdiff_t>(specs[i].size);
      }
      frame.state_delta =
          call.state_delta ? call.state_delta + static_cast<std::ptrdiff_t>(task) * call.state_stride : nullptr;
      const auto& layer = *static_cast<const Derived*>(this);
      if constexpr (part == Part::forward)
        layer.template forward<CallPass>(frame);
      else if constexpr (part == Part::backward)
        layer.template backward<CallPass>(frame);
      else
        layer.template backward_rows<CallPass>(frame);
    }
  }
};

/// A layer that maps each element by itself. `Function` has
///   template <class N> N forward(N x) const;
///   template <class N> N backward(N x, N y, N dy) const;    the gradient by x
template <class Function> class ElementwiseLayer : public VectorLayer<ElementwiseLayer<Function>> {
public:
  ElementwiseLayer(LayerInfo info, Function function)
      : VectorLayer<ElementwiseLayer>(std::move(info)), function_(function) {}
  ElementwiseLayer(const std::string& kind, const Shape& input, Function function)
      : ElementwiseLayer(LayerInfo{kind, kind, input, input}, function) {}

  template <class Pass> void forward(const Frame<Pass>& f) const {
    const Function function = function_;
    Pass::each(f.rows * this->info().input.size(),
               [&](auto at) HWY_ATTR { Pass::store(f.y, at, function.forward(Pass::load(f.x, at))); });
  }
  template <class Pass> void backward(const Frame<Pass>& f) const { backward_rows(f); }
  template <class Pass> void backward_rows(const Frame<Pass>& f) const {
    if (!f.dx) return;
    const Function function = function_;
    Pass::each(f.rows * this->info().input.size(), [&](auto at) HWY_ATTR {
      Pass::store(f.dx, at, function.backward(Pass::load(f.x, at), Pass::load(f.y, at), Pass::load(f.dy, at)));
    });
  }

private:
  Function function_;
};

}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
