#include <algorithm>
#include <functional>
#include <memory>

#include "bindings/any_model.h"
#include "bindings/interrupt.h"
#include "bindings/one_user.h"
#include "bindings/rates.h"
#include "bindings/tasks.h"
#include "maml/base/workers.h"
#include "maml/train/experiment.h"
#include "maml/train/flops.h"
#include "maml/train/inner_loop.h"
#include "maml/train/meta_batch.h"

namespace maml::python {

namespace {

/// The tasks of an adaptation in groups, which worker threads take by turns: alike tasks in groups as suit their size,
/// others alone. What one group gives does not depend on the others, so neither groups nor threads matter. One call at
/// a time.
template <class T> class PyAdaptation {
public:
  PyAdaptation(const Model& model, const Options& options, const Tasks<T>& tasks, int threads, std::size_t budget)
      : model_(model), tasks_(tasks), state_(model.initial_state<T>()),
        inner_(resolved_inner(options.inner, options.outer.algorithm, model)),
        loop_(model, inner_, {}, state_.data()), rates_(loop_.initial_rates()), domain_(domain_of(model, tasks)),
        workers_(workers_of(model, tasks, threads)) {
    EpisodeOptions episode;
    episode.couple_query = model.couples_query({});
    const std::size_t group = domain_->tasks_are_alike() ? group_of(options) : 1;
    for (std::size_t first = 0; first < tasks.count(); first += group) {
      Part part;
      part.first = first;
      part.count = std::min(group, tasks.count() - first);
      part.task = domain_->template group<T>(part.count, episode);
      Draw draw;
      draw.first = static_cast<std::uint32_t>(first);
      part.task->draw(draw);
      const TaskRows rows = part.task->drawn_rows();
      AdaptationOptions size;
      size.steps = inner_.steps;
      size.tasks = part.count;
      size.support_rows = rows.support;
      size.query_rows = rows.query;
      size.budget = budget * part.count / tasks.count();
      size.tick = std::ref(interrupt_);
      // Not over a frozen front: jvp is for all of theta.
      part.adaptation = loop_.adaptation(size, false);
      parts_.push_back(std::move(part));
    }
  }

  void run(const nb::dict& arrays) {
    const OneUser::Claim claim(user_, name_);
    const SplitArrays split = split_rates(model_, arrays);
    theta_0_ = flat<T>(model_, split.parameters);
    rates_ = take_rates(model_, loop_.layout(), split.rates, loop_.initial_rates());
    nb::gil_scoped_release released;
    has_run_ = false;
    each([&](Part& part) {
      part.adaptation->set_rates(rates_.data());
      part.adaptation->run(theta_0_.data(), *part.task);
    });
    has_run_ = true;
  }

  nb::dict theta(int k) {
    const OneUser::Claim claim(user_, name_);
    require_run(k);
    std::vector<T> all(tasks_.count() * size());
    {
      nb::gil_scoped_release released;
      each([&](Part& part) {
        const Point<T> point = part.adaptation->theta(k);
        for (std::size_t i = 0; i < part.count; ++i)
          std::copy_n(point.theta + static_cast<std::ptrdiff_t>(i) * point.stride, size(),
                      &all[(part.first + i) * size()]);
      });
    }
    return named_by_task(model_, all, tasks_.count());
  }

  nb::tuple query(int k) {
    const OneUser::Claim claim(user_, name_);
    require_run(k);
    std::vector<T> losses(tasks_.count()), metrics(tasks_.count()), gradient(tasks_.count() * size());
    {
      nb::gil_scoped_release released;
      each([&](Part& part) {
        part.adaptation->query(k, &losses[part.first], &metrics[part.first], &gradient[part.first * size()]);
      });
    }
    return nb::make_tuple(array(std::move(losses), {tasks_.count()}),
                          named_by_task(model_, gradient, tasks_.count()));
  }

  nb::dict vjp(const nb::dict& given, bool first_order) {
    const OneUser::Claim claim(user_, name_);
    require_run(0);
    auto v = flat_by_task<T>(model_, given, tasks_.count());
    const std::size_t rates = loop_.learns_rates() ? loop_.layout().size() : 0;
    std::vector<T> d_rates(tasks_.count() * rates);
    {
      nb::gil_scoped_release released;
      each([&](Part& part) {
        part.adaptation->vjp(&v[part.first * size()], {}, rates ? &d_rates[part.first * rates] : nullptr,
                             first_order ? Order::first : Order::second);
      });
    }
    nb::dict result = named_by_task(model_, v, tasks_.count());
    if (rates) put_rates_by_task(result, model_, loop_.layout(), d_rates, tasks_.count());
    return result;
  }

  nb::dict jvp(const nb::dict& given) {
    const OneUser::Claim claim(user_, name_);
    require_run(0);
    auto u = flat_by_task<T>(model_, given, tasks_.count());
    {
      nb::gil_scoped_release released;
      each([&](Part& part) { part.adaptation->jvp(&u[part.first * size()]); });
    }
    return named_by_task(model_, u, tasks_.count());
  }

  int steps() const { return inner_.steps; }

private:
  struct Part {
    std::size_t first = 0, count = 0;  ///< tasks
    std::unique_ptr<TaskGroup<T>> task;
    std::unique_ptr<Adaptation<T>> adaptation;
  };

  static int workers_of(const Model& model, const Tasks<T>& tasks, int threads) {
    require(threads >= 0, "threads", "is ", threads, ", but must be 0 (all) or above");
    return static_cast<int>(std::min(static_cast<std::size_t>(threads_of(threads, model)), tasks.count()));
  }
  std::size_t group_of(const Options& options) const {
    const double flops =
        task_flops(model_, *domain_, options.outer.algorithm, inner_, {});  // of the tasks' own rows, whatever the size
    return suitable_group(tasks_.count(), workers_.count(), flops / (2 * inner_.steps + 1));
  }

  std::size_t size() const { return model_.parameters(); }
  /// Without the GIL.
  void each(auto&& body) {
    interrupt_.begin();
    workers_.each(parts_.size(), [&](int, std::size_t i) { body(parts_[i]); });
  }
  void require_run(int k) const {
    require(has_run_, "Adaptation", "has not run yet (call run(params) first)");
    require(k >= 0 && k <= inner_.steps, "step", "is ", k, ", but the adaptation has steps 0 to ", inner_.steps);
  }

  static constexpr const char* name_ = "Adaptation";

  OneUser user_;
  const Model& model_;
  const Tasks<T>& tasks_;
  const std::vector<T> state_;
  const InnerOptions inner_;
  const InnerLoop<T> loop_;
  std::vector<T> rates_;
  const std::unique_ptr<Domain> domain_;
  Workers workers_;
  Interrupt interrupt_;
  std::vector<Part> parts_;
  std::vector<T> theta_0_;
  bool has_run_ = false;
};

template <class T> void bind(nb::module_& m, const std::string& suffix) {
  using A = PyAdaptation<T>;
  nb::class_<A>(m, ("Adaptation_" + suffix).c_str())
      .def(nb::init<const Model&, const Options&, const Tasks<T>&, int, std::size_t>(), nb::arg("model"),
           nb::arg("options"), nb::arg("tasks"), nb::arg("threads"), nb::arg("budget"), nb::keep_alive<1, 2>(),
           nb::keep_alive<1, 4>())
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
