#include <memory>

#include "bindings/tasks.h"
#include "maml/base/aligned.h"
#include "maml/train/inner_loop.h"
#include "maml/train/meta_batch.h"

namespace maml::python {

namespace {

/// One batch of one model at given parameters.
template <class T> class Call {
public:
  Call(const Model& model, const nb::dict& parameters, const In<T>& x, const In<T>& y, std::size_t shots)
      : theta_(flat<T>(model, parameters)), state_(model.initial_state<T>()),
        objective_(make_objective<T>(model, {}, state_.data())) {
    batch_.rows = x.shape(0);
    batch_.x = x.data();
    batch_.y = y.data();
    batch_.shots = shots;
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
    AlignedArray<T> tape(objective_->tape_size(batch_.rows)), scratch(objective_->tape_size(batch_.rows));
    (void)gradient(tape);
    std::vector<T> hv(theta_.size());
    objective_->hvp(point(), batch_, tape.data(), {v.data(), 0}, scratch.data(), hv.data(), 0, nullptr, 0);
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
  const std::unique_ptr<Objective<T>> objective_;
  Batch<T> batch_;
};

/// Gradients by learned inner rates, under the names that `maml meta-gradient` gives them.
template <class T>
void put_rates(nb::dict& to, const Model& model, const RateLayout& layout, const std::vector<T>& rates) {
  if (layout.sharing() == RateSharing::element) {
    std::vector<T> first(rates.begin(), rates.begin() + static_cast<std::ptrdiff_t>(model.parameters()));
    for (const auto& tensor : model.to_border(first.data()))
      to[("alpha." + tensor.name).c_str()] =
          array(std::vector<T>(tensor.values.begin(), tensor.values.end()), tensor.shape);
    return;
  }
  const std::size_t names = layout.sharing() == RateSharing::number ? 1 : layout.slices().size();
  for (std::size_t i = 0; i < names; ++i) {
    std::vector<T> values;
    for (int set = 0; set < layout.steps(); ++set) values.push_back(rates[layout.range(set, i).first]);
    const std::string name = layout.sharing() == RateSharing::number ? "alpha" : "alpha." + layout.slices()[i].name;
    const std::size_t count = values.size();
    to[name.c_str()] = array(std::move(values), {count});
  }
}

/// Mean loss, losses of the tasks, and gradients (means over the tasks) by name.
template <class T>
nb::tuple meta_gradient(const Model& model, const Options& options, const nb::dict& parameters, const Tasks<T>& tasks,
                        int threads, std::size_t budget) {
  const std::vector<T> theta = flat<T>(model, parameters);
  std::unique_ptr<MetaBatch<T>> batch;
  const MetaBatchResult<T>* result = nullptr;
  std::unique_ptr<Domain> domain;
  {
    nb::gil_scoped_release released;
    domain = domain_of(model, tasks);
    MetaBatchOptions of = meta_batch_options(options, threads, budget);
    of.tasks = tasks.count();
    batch = std::make_unique<MetaBatch<T>>(model, *domain, of);
    result = &batch->gradient(theta.data(), 0);
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
  m.def(name("loss").c_str(), [](const Model& model, const nb::dict& theta, In<T> x, In<T> y, std::size_t shots) {
    const Call<T> call(model, theta, x, y, shots);
    nb::gil_scoped_release released;
    return call.loss();
  });
  m.def(name("gradient").c_str(), [](const Model& model, const nb::dict& theta, In<T> x, In<T> y, std::size_t shots) {
    const Call<T> call(model, theta, x, y, shots);
    std::vector<T> g;
    {
      nb::gil_scoped_release released;
      g = call.gradient();
    }
    return named(model, g.data());
  });
  m.def(name("hvp").c_str(), [](const Model& model, const nb::dict& theta, In<T> x, In<T> y, const nb::dict& v,
                                std::size_t shots) {
    const Call<T> call(model, theta, x, y, shots);
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
