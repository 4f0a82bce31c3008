// Models whose loss, gradient and Hessian-vector product are Python's. The package hands over one object
// (maml._objective._Calls) that takes and gives flat arrays of the engine's type:
//   evaluate(theta, x, y, measures) -> (loss, metric)
//   gradient(theta, x, y, measures) -> (loss, metric, g)
//   hvp(theta, x, y, v) -> hv
//   outputs(theta, x) -> rows x outputs
// Arrays are copies: Python may keep them, and they may go on to a device while the engine's memory changes.

#include <Python.h>

#include <algorithm>
#include <memory>

#include "bindings/arrays.h"
#include "maml/nn/foreign.h"

namespace maml::python {

namespace {

/// Keeps a Python object; may be copied and dropped without the GIL.
using Kept = std::shared_ptr<PyObject>;

Kept keep(nb::handle object) {
  return {object.inc_ref().ptr(), [](PyObject* p) {
            nb::gil_scoped_acquire gil;
            nb::handle(p).dec_ref();
          }};
}

/// What all passes need. Methods are for holders of the GIL.
template <class T> class Calls {
public:
  Calls(Kept own, const ForeignModel& model)
      : own_(std::move(own)), name_(model.name), input_(model.input.extents), inputs_(model.input.size()),
        targets_(model.targets), outputs_(model.outputs) {
    for (const auto& parameter : model.parameters) parameters_ += parameter.initial.size();
  }

  std::size_t parameters() const { return parameters_; }
  std::size_t outputs() const { return outputs_; }

  Out<T> theta(Point<T> point, std::size_t task) const {
    return vector(point.theta + static_cast<std::ptrdiff_t>(task) * point.stride);
  }
  Out<T> direction(const Direction<T>& direction, std::size_t task) const {
    return vector(direction.v + static_cast<std::ptrdiff_t>(task) * direction.stride);
  }
  Out<T> x(const Batch<T>& batch, std::size_t task) const {
    std::vector<std::size_t> shape = {batch.rows};
    shape.insert(shape.end(), input_.begin(), input_.end());
    const T* from = batch.x + static_cast<std::ptrdiff_t>(task) * batch.x_stride;
    return array(std::vector<T>(from, from + batch.rows * inputs_), shape);
  }
  Out<T> y(const Batch<T>& batch, std::size_t task) const {
    require(batch.weight == nullptr, name_, "takes no weights of rows (give as many rows of each class)");
    const T* from = batch.y + static_cast<std::ptrdiff_t>(task) * batch.y_stride;
    return array(std::vector<T>(from, from + batch.rows * targets_), {batch.rows, targets_});
  }

  template <class... Arguments> nb::object call(const char* method, const Arguments&... arguments) const {
    return nb::handle(own_.get()).attr(method)(arguments...);
  }
  /// A result of so many values to where it goes.
  void copy(nb::handle from, std::size_t size, T* to) const {
    const auto values = nb::cast<In<T>>(from);
    require(values.size() == size, name_, "gave ", values.size(), " values, but ", size, " are wanted");
    std::copy_n(values.data(), size, to);
  }

private:
  Out<T> vector(const T* from) const { return array(std::vector<T>(from, from + parameters_), {parameters_}); }

  const Kept own_;
  const std::string name_;
  const std::vector<std::size_t> input_;
  const std::size_t inputs_, targets_, outputs_;
  std::size_t parameters_ = 0;
};

/// Base is Objective or FirstOrderObjective.
template <class T, class Base> class PythonLoss : public Base {
public:
  explicit PythonLoss(Calls<T> calls) : calls_(std::move(calls)) {}

  std::size_t parameters() const override { return calls_.parameters(); }
  std::size_t tape_size(std::size_t) const override { return 0; }

  void evaluate(Point<T> point, const Batch<T>& batch, T*, T* losses, T* metrics) const override {
    nb::gil_scoped_acquire gil;
    for (std::size_t i = 0; i < batch.tasks; ++i)
      write(calls_.call("evaluate", calls_.theta(point, i), calls_.x(batch, i), calls_.y(batch, i), metrics != nullptr),
            i, losses, metrics);
  }

  void gradient(Point<T> point, const Batch<T>& batch, T*, const GradientOut<T>& out) const override {
    nb::gil_scoped_acquire gil;
    for (std::size_t i = 0; i < batch.tasks; ++i) {
      const nb::object result = calls_.call("gradient", calls_.theta(point, i), calls_.x(batch, i),
                                            calls_.y(batch, i), out.metrics != nullptr);
      write(result, i, out.losses, out.metrics);
      calls_.copy(result[2], parameters(), out.g + static_cast<std::ptrdiff_t>(i) * out.g_stride);
    }
  }

protected:
  static void write(const nb::object& result, std::size_t i, T* losses, T* metrics) {
    if (losses) losses[i] = static_cast<T>(nb::cast<double>(result[0]));
    if (metrics) metrics[i] = static_cast<T>(nb::cast<double>(result[1]));
  }

  const Calls<T> calls_;
};

template <class T> class PythonObjective final : public PythonLoss<T, Objective<T>> {
public:
  using PythonLoss<T, Objective<T>>::PythonLoss;

  void hvp(Point<T> point, const Batch<T>& batch, const T*, const Direction<T>& direction, T*, T* hv,
           std::ptrdiff_t hv_stride, T*, std::ptrdiff_t) const override {
    nb::gil_scoped_acquire gil;
    const Calls<T>& calls = this->calls_;
    for (std::size_t i = 0; i < batch.tasks; ++i)
      calls.copy(calls.call("hvp", calls.theta(point, i), calls.x(batch, i), calls.y(batch, i),
                            calls.direction(direction, i)),
                 this->parameters(), hv + static_cast<std::ptrdiff_t>(i) * hv_stride);
  }
};

template <class T> class PythonOutputs final : public FeatureMap<T> {
public:
  explicit PythonOutputs(Calls<T> calls) : calls_(std::move(calls)) {}

  std::size_t parameters() const override { return calls_.parameters(); }
  std::size_t features() const override { return calls_.outputs(); }
  std::size_t tape_size(std::size_t) const override { return 0; }
  void forward(Point<T> point, const Batch<T>& batch, T*, T* out, std::ptrdiff_t out_stride) const override {
    nb::gil_scoped_acquire gil;
    for (std::size_t i = 0; i < batch.tasks; ++i)
      calls_.copy(calls_.call("outputs", calls_.theta(point, i), calls_.x(batch, i)), batch.rows * features(),
                  out + static_cast<std::ptrdiff_t>(i) * out_stride);
  }
  void backward(Point<T>, const Batch<T>&, T*, const T*, std::ptrdiff_t, T*, std::ptrdiff_t) const override {
    fail("objective", "has no frozen front");
  }

private:
  const Calls<T> calls_;
};

template <class T>
ForeignModel::Functions<T> functions(const Kept& own, const ForeignModel& model, bool has_hvp, bool has_outputs) {
  const Calls<T> calls(own, model);
  ForeignModel::Functions<T> result;
  result.objective = [calls, has_hvp]() -> std::unique_ptr<FirstOrderObjective<T>> {
    if (has_hvp) return std::make_unique<PythonObjective<T>>(calls);
    return std::make_unique<PythonLoss<T, FirstOrderObjective<T>>>(calls);
  };
  if (has_outputs) result.outputs = [calls] { return std::make_unique<PythonOutputs<T>>(calls); };
  return result;
}

}  // namespace

ForeignModel python_model(const std::string& name, const nb::object& calls, const nb::dict& parameters,
                          const std::vector<std::size_t>& input, std::size_t outputs, std::size_t targets,
                          bool is_classifier, const std::string& metric, bool has_hvp, bool has_outputs) {
  ForeignModel model;
  model.name = name;
  model.input = Shape{input};
  model.outputs = outputs;
  model.targets = targets;
  model.is_classifier = is_classifier;
  model.metric = metric;
  auto given = border_of(parameters, 1, false);
  for (auto& tensor : given.front())
    model.parameters.push_back({tensor.name, tensor.shape, std::move(tensor.values)});
  const Kept own = keep(calls);
  model.f32 = functions<float>(own, model, has_hvp, has_outputs);
  model.f64 = functions<double>(own, model, has_hvp, has_outputs);
  return model;
}

}  // namespace maml::python
