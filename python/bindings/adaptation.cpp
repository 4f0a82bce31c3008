#include <algorithm>
#include <memory>

#include "bindings/tasks.h"
#include "maml/train/inner_loop.h"

namespace maml::python {

namespace {

/// The tasks of an adaptation, all of them in one group where they are alike, else one group a task.
template <class T> class PyAdaptation {
public:
  PyAdaptation(const Model& model, const Options& options, const Tasks<T>& tasks, std::size_t budget)
      : model_(model), tasks_(tasks), state_(model.initial_state<T>()),
        inner_(resolved_inner(options.inner, options.outer.algorithm, model)),
        loop_(model, inner_, {}, state_.data()), domain_(domain_of(model, tasks)) {
    const bool alike = domain_->tasks_are_alike();
    group_ = alike ? tasks.count() : 1;
    EpisodeOptions episode;
    episode.shots = options.data.shots;
    episode.couple_query = model.couples_query({});
    for (std::size_t first = 0; first < tasks.count(); first += group_) {
      Part part{domain_->template group<T>(group_, episode), nullptr};
      Draw draw;
      draw.first = static_cast<std::uint32_t>(first);
      part.task->draw(draw);
      const TaskRows rows = part.task->drawn_rows();
      AdaptationOptions size;
      size.steps = inner_.steps;
      size.tasks = group_;
      size.support_rows = rows.support;
      size.query_rows = rows.query;
      size.budget = budget * group_ / tasks.count();
      // Not over a frozen front: jvp is for all of theta.
      part.adaptation = loop_.adaptation(size, false);
      parts_.push_back(std::move(part));
    }
  }

  void run(const nb::dict& parameters) {
    theta_0_ = flat<T>(model_, parameters);
    nb::gil_scoped_release released;
    for (auto& part : parts_) {
      check_signals();
      part.adaptation->run(theta_0_.data(), *part.task);
    }
    has_run_ = true;
  }

  nb::dict theta(int k) {
    require_run(k);
    std::vector<T> all;
    {
      nb::gil_scoped_release released;
      for (auto& part : parts_) {
        const Point<T> point = part.adaptation->theta(k);
        for (std::size_t i = 0; i < group_; ++i) {
          const T* of = point.theta + static_cast<std::ptrdiff_t>(i) * point.stride;
          all.insert(all.end(), of, of + size());
        }
      }
    }
    return named_by_task(model_, all, tasks_.count());
  }

  nb::tuple query(int k) {
    require_run(k);
    std::vector<T> losses(tasks_.count()), metrics(tasks_.count()), gradient(tasks_.count() * size());
    {
      nb::gil_scoped_release released;
      each([&](Part& part, std::size_t first) {
        part.adaptation->query(k, &losses[first], &metrics[first], &gradient[first * size()]);
      });
    }
    return nb::make_tuple(array(std::move(losses), {tasks_.count()}),
                          named_by_task(model_, gradient, tasks_.count()));
  }

  nb::dict vjp(const nb::dict& given, bool first_order) {
    require_run(0);
    auto v = flat_by_task<T>(model_, given, tasks_.count());
    {
      nb::gil_scoped_release released;
      each([&](Part& part, std::size_t first) {
        part.adaptation->vjp(&v[first * size()], {}, nullptr, first_order ? Order::first : Order::second);
      });
    }
    return named_by_task(model_, v, tasks_.count());
  }

  nb::dict jvp(const nb::dict& given) {
    require_run(0);
    auto u = flat_by_task<T>(model_, given, tasks_.count());
    {
      nb::gil_scoped_release released;
      each([&](Part& part, std::size_t first) { part.adaptation->jvp(&u[first * size()]); });
    }
    return named_by_task(model_, u, tasks_.count());
  }

  int steps() const { return inner_.steps; }

private:
  struct Part {
    std::unique_ptr<TaskGroup<T>> task;
    std::unique_ptr<Adaptation<T>> adaptation;
  };
  std::size_t size() const { return model_.parameters(); }
  void each(auto&& body) {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      check_signals();
      body(parts_[i], i * group_);
    }
  }
  void require_run(int k) const {
    require(has_run_, "Adaptation", "has not run yet (call run(params) first)");
    require(k >= 0 && k <= inner_.steps, "step", "is ", k, ", but the adaptation has steps 0 to ", inner_.steps);
  }

  const Model& model_;
  const Tasks<T>& tasks_;
  const std::vector<T> state_;
  const InnerOptions inner_;
  const InnerLoop<T> loop_;
  const std::unique_ptr<Domain> domain_;
  std::size_t group_ = 1;
  std::vector<Part> parts_;
  std::vector<T> theta_0_;
  bool has_run_ = false;
};

template <class T> void bind(nb::module_& m, const std::string& suffix) {
  using A = PyAdaptation<T>;
  nb::class_<A>(m, ("Adaptation_" + suffix).c_str())
      .def(nb::init<const Model&, const Options&, const Tasks<T>&, std::size_t>(), nb::arg("model"),
           nb::arg("options"), nb::arg("tasks"), nb::arg("budget"), nb::keep_alive<1, 2>(), nb::keep_alive<1, 4>())
      .def("run", &A::run)
      .def("theta", &A::theta)
      .def("query", &A::query)
      .def("vjp", &A::vjp)
      .def("jvp", &A::jvp)
      .def_prop_ro("steps", &A::steps);
}

}  // namespace

void bind_adaptation(nb::module_& m) {
  bind<float>(m, "f32");
  bind<double>(m, "f64");
}

}  // namespace maml::python
