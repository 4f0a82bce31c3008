#include <nanobind/stl/optional.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "bindings/any_model.h"
#include "bindings/interrupt.h"
#include "bindings/rates.h"
#include "bindings/tasks.h"
#include "maml/base/aligned.h"
#include "maml/tasks/shots.h"
#include "maml/train/inner_loop.h"
#include "maml/train/meta_batch.h"

namespace maml::python {

namespace {

template <class T> std::vector<std::size_t> rows_by_class(const In<T>& labels) {
  std::vector<std::size_t> rows;
  count_rows_by_class(std::span(labels.data(), labels.size()), rows);
  return rows;
}

/// One batch of one model at given parameters.
template <class T> class Call {
public:
  /// weight: of the rows, or nothing. shots: nothing where they are those of the batch, as of a support set.
  Call(const Model& model, const nb::dict& parameters, const In<T>& x, const In<T>& y,
       const std::optional<In<T>>& weight, std::optional<std::size_t> shots)
      : theta_(flat<T>(model, parameters)), state_(model.initial_state<T>()),
        objective_(make_trained_objective<T>(model, {}, state_.data())) {
    batch_.rows = x.shape(0);
    batch_.x = x.data();
    batch_.y = y.data();
    if (weight) batch_.weight = weight->data();
    batch_.shots = shots.value_or(batch_.rows);
    if (!shots && is_classifier(model)) batch_.shots = shots_of(rows_by_class(y));
  }

  T loss() const {
    T loss = 0;
    AlignedArray<T> tape(objective_->spent_tape_size(batch_.rows));
    objective_->evaluate(point(), batch_, tape.data(), &loss, nullptr);
    return loss;
  }
  std::vector<T> gradient() const {
    AlignedArray<T> tape(objective_->tape_size(batch_.rows));
    return gradient(tape);
  }
  std::vector<T> hvp(const std::vector<T>& v) const {
    const auto* twice = dynamic_cast<const Objective<T>*>(objective_.get());
    require(twice != nullptr, "hvp", "is not to be had: the objective was made without");
    AlignedArray<T> tape(objective_->tape_size(batch_.rows)), scratch(objective_->tape_size(batch_.rows));
    (void)gradient(tape);
    std::vector<T> hv(theta_.size());
    twice->hvp(point(), batch_, tape.data(), {v.data(), 0}, scratch.data(), hv.data(), 0, nullptr, 0);
    return hv;
  }

private:
  Point<T> point() const { return {theta_.data(), 0, 0}; }
  std::vector<T> gradient(AlignedArray<T>& tape) const {
    std::vector<T> g(theta_.size());
    T loss = 0;
    GradientOut<T> out;
    out.losses = &loss;
    out.g = g.data();
    objective_->gradient(point(), batch_, tape.data(), out);
    return g;
  }

  const std::vector<T> theta_, state_;
  const std::unique_ptr<FirstOrderObjective<T>> objective_;
  Batch<T> batch_;
};

/// Mean loss, losses of the tasks, and gradients (means over the tasks) by name.
template <class T>
nb::tuple meta_gradient(const Model& model, const Options& options, const nb::dict& parameters, const Tasks<T>& tasks,
                        int threads, std::size_t budget) {
  const SplitArrays split = split_rates(model, parameters);
  const std::vector<T> theta = flat<T>(model, split.parameters);
  std::unique_ptr<MetaBatch<T>> batch;
  const MetaBatchResult<T>* result = nullptr;
  std::unique_ptr<Domain> domain;
  Interrupt interrupt;
  {
    nb::gil_scoped_release released;
    domain = domain_of(model, tasks);
    MetaBatchOptions of = meta_batch_options(options, threads_of(threads, model), budget, std::ref(interrupt));
    of.tasks = tasks.count();
    batch = std::make_unique<MetaBatch<T>>(model, *domain, of);
  }
  const auto rates = take_rates(model, batch->layout(), split.rates, batch->initial_rates());
  {
    nb::gil_scoped_release released;
    result = &batch->gradient(theta.data(), rates.data(), nullptr, 0);
  }
  nb::dict gradient = named(model, result->gradient.data());
  if (batch->learns_rates()) put_rates(gradient, model, batch->layout(), result->d_rates);
  return nb::make_tuple(result->loss, array(result->losses, {result->losses.size()}), gradient);
}

template <class T> void bind(nb::module_& m, const std::string& suffix) {
  nb::class_<Tasks<T>>(m, ("Tasks_" + suffix).c_str(), "Arrays of tasks.")
      .def("__init__",
           [](Tasks<T>* self, std::vector<std::vector<In<T>>> arrays) { new (self) Tasks<T>{std::move(arrays)}; },
           nb::arg("arrays"))
      .def("__len__", &Tasks<T>::count);
  const auto name = [&](const char* stem) { return std::string(stem) + "_" + suffix; };
  m.def(name("class_weights").c_str(),
        [](const Model& model, const In<T>& labels) -> std::optional<Out<T>> {
          auto weights = class_weights(std::span(labels.data(), labels.size()), rows_by_class(labels),
                                       model.loss().normalisation());
          if (weights.empty()) return {};
          return array(std::move(weights), {labels.size()});
        },
        "A weight a row, so that classes count alike; None where they have as many rows each.");
  using Weight = std::optional<In<T>>;
  using Shots = std::optional<std::size_t>;
  m.def(name("loss").c_str(), [](const Model& model, const nb::dict& theta, In<T> x, In<T> y, const Weight& weight,
                                 Shots shots) {
    const Call<T> call(model, theta, x, y, weight, shots);
    nb::gil_scoped_release released;
    return call.loss();
  });
  m.def(name("gradient").c_str(), [](const Model& model, const nb::dict& theta, In<T> x, In<T> y, const Weight& weight,
                                     Shots shots) {
    const Call<T> call(model, theta, x, y, weight, shots);
    std::vector<T> g;
    {
      nb::gil_scoped_release released;
      g = call.gradient();
    }
    return named(model, g.data());
  });
  m.def(name("hvp").c_str(), [](const Model& model, const nb::dict& theta, In<T> x, In<T> y, const Weight& weight,
                                const nb::dict& v, Shots shots) {
    const Call<T> call(model, theta, x, y, weight, shots);
    const auto direction = flat<T>(model, v);
    std::vector<T> hv;
    {
      nb::gil_scoped_release released;
      hv = call.hvp(direction);
    }
    return named(model, hv.data());
  });
  m.def(name("meta_gradient").c_str(), &meta_gradient<T>, nb::arg("model"), nb::arg("options"), nb::arg("parameters"),
        nb::arg("tasks"), nb::arg("threads"), nb::arg("budget"));
}

}  // namespace

void bind_engine(nb::module_& m) {
  bind<float>(m, "f32");
  bind<double>(m, "f64");
}

}  // namespace maml::python
