#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/unique_ptr.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "bindings/any_model.h"
#include "bindings/interrupt.h"
#include "bindings/one_user.h"
#include "bindings/rates.h"
#include "bindings/tasks.h"
#include "maml/io/atomic_file.h"
#include "maml/kernels/isa.h"
#include "maml/train/adapt.h"
#include "maml/train/adapted_file.h"
#include "maml/train/evaluation.h"
#include "maml/train/inner_loop.h"
#include "maml/train/outer_loop.h"
#include "maml/train/run_folder.h"
#include "maml/train/table_rows.h"

namespace maml::python {

namespace {

std::unique_ptr<Model> model_of(const Options& options, const Model* foreign) {
  if (foreign) return std::make_unique<Model>(ForeignModel(*foreign->foreign()));
  return std::make_unique<Model>(options.model);
}

std::span<const float> values_of(const In<float>& array) {
  return {array.data(), array.size()};
}

/// A file that goes unless it is moved.
struct Temporary {
  explicit Temporary(std::string file) : path(std::move(file)) {}
  ~Temporary() {
    std::error_code gone;
    std::filesystem::remove(path, gone);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  void move_to(const std::string& target) const {
    std::error_code error;
    std::filesystem::rename(path, target, error);
    if (error) fail(target, "cannot be written: ", errno_text(error.value()));
  }

  const std::string path;
};

/// A model adapted to a support set, with the loaded model that it borrows.
class PyAdapted {
public:
  PyAdapted(std::shared_ptr<const LoadedModel> loaded, AdaptedModel adapted)
      : loaded_(std::move(loaded)), adapted_(std::move(adapted)) {}

  Out<float> outputs(const In<float>& x) const {
    std::vector<float> result;
    {
      nb::gil_scoped_release released;
      result = adapted_.outputs(values_of(x));
    }
    const std::size_t size = loaded_->model->output().size(), rows = result.size() / size;
    return array(std::move(result), {rows, size});
  }
  Out<double> probabilities(const In<float>& x) const {
    std::vector<double> result;
    {
      nb::gil_scoped_release released;
      result = adapted_.probabilities(values_of(x));
    }
    const std::size_t rows = result.size() / adapted_.classes();
    return array(std::move(result), {rows, adapted_.classes()});
  }
  nb::dict parameters() const { return named(*loaded_->model, adapted_.parameters().data()); }
  int steps() const { return adapted_.steps(); }
  std::size_t classes() const { return adapted_.classes(); }
  void save(const std::string& path, const std::vector<std::string>& classes) const {
    write_adapted(path, *loaded_, adapted_, classes);
  }

private:
  const std::shared_ptr<const LoadedModel> loaded_;
  const AdaptedModel adapted_;
};

/// A model in training: an outer loop over tasks of a domain, or over batches of tasks that the package hands over one
/// after the other. Another call during one that has released the GIL is an Error.
class Learner {
public:
  /// foreign: the model, where it is none of `options`.
  Learner(const Options& options, const Model* foreign) {
    loaded_ = std::make_shared<LoadedModel>();
    loaded_->options = resolved_for(options, foreign);
    loaded_->model = model_of(loaded_->options, foreign);
    const Model& model = *loaded_->model;
    loaded_->weights = {model.initial<float>(loaded_->options.train.seed),
                        InnerLoop<float>(model, loaded_->options.inner).initial_rates(), model.initial_state<float>()};
    loaded_->isa = isa_name(active_isa());
  }

  /// Goes on from a run folder; its options are those of the file.
  static std::unique_ptr<Learner> load(const std::string& path, const Model* foreign, bool best) {
    const RunFolder folder = RunFolder::open(path);
    auto result = std::make_unique<Learner>(folder.options(), foreign);
    LoadedModel& loaded = *result->loaded_;
    const std::string file = folder.weights(best ? Which::best : Which::latest);
    Checkpoint checkpoint = read_checkpoint(file, *loaded.model, loaded.options, false);
    if (checkpoint.digest == digest(loaded.options))
      checkpoint = read_checkpoint(file, *loaded.model, loaded.options, true);
    loaded.weights = std::move(checkpoint.weights);
    result->iteration_ = loaded.iteration = checkpoint.iteration;
    loaded.isa = checkpoint.isa;
    result->parameters_state_ = std::move(checkpoint.parameters_state);
    result->rates_state_ = std::move(checkpoint.rates_state);
    return result;
  }

  /// Writes a run folder that the program reads. overwrite: also over another run, of which nothing is removed before
  /// this one's checkpoint is on the disk.
  void save(const std::string& path, bool overwrite) {
    const OneUser::Claim claim(user_, name_);
    nb::gil_scoped_release released;
    keep_states();
    Checkpoint checkpoint;
    checkpoint.iteration = loaded_->iteration;
    checkpoint.weights = loaded_->weights;
    checkpoint.parameters_state = parameters_state_;
    checkpoint.rates_state = rates_state_;
    checkpoint.isa = isa_name(active_isa());
    checkpoint.digest = digest(loaded_->options);
    const auto write = [&](const std::string& file) {
      write_checkpoint(file, *loaded_->model, loaded_->options, checkpoint, "checkpoint");
    };
    if (!overwrite || !is_run_folder(path)) return write(RunFolder::create(path, loaded_->options).checkpoint());
    const Temporary saved(path + "/saved.safetensors");
    write(saved.path);
    saved.move_to(RunFolder::create(path, loaded_->options, true).checkpoint());
  }

  /// Other data, and the iteration that the schedule of outer rates ends with. by_engine: tasks are those of the domain
  /// of `data`, else those of take_tasks. The state of the optimisers stays. Where it throws, the learner is as before.
  void begin(const Options& data, std::int64_t iterations, bool by_engine) {
    const OneUser::Claim claim(user_, name_);
    const Model& model = *loaded_->model;
    Options options = loaded_->options;
    options.data = data.data;
    options.train.iterations = iterations;
    options = resolved_for(options, foreign_of(model));
    std::unique_ptr<Domain> domain;
    if (by_engine) {
      domain = make_domain(options.data, &model);
      require_fit(model, *domain);
      if (options.data.preparation.empty()) options.data.preparation = domain->preparation();
      if (options.data.columns.empty()) options.data.columns = domain->columns();
      if (options.data.licence.empty()) options.data.licence = domain->licence();
    }
    drop_loop();
    loaded_->options = std::move(options);
    domain_ = std::move(domain);
  }

  /// Tasks of the next iterations.
  void take_tasks(const nb::object& tasks) {
    const OneUser::Claim claim(user_, name_);
    const Tasks<float>* given = nb::cast<const Tasks<float>*>(tasks);
    const GivenOptions options = given_options(*loaded_->model, *given);
    tasks_object_ = tasks;
    tasks_ = given;
    if (domain_ && is_given_ && options.are_alike == given_alike_) return;
    drop_loop();
    domain_ = given_domain(*loaded_->model, &tasks_, options);
    is_given_ = true;
    given_alike_ = options.are_alike;
  }

  /// So many meta-iterations: means of loss, metric before and after, and the last rate.
  nb::tuple run(std::int64_t count) {
    const OneUser::Claim claim(user_, name_);
    require(domain_ != nullptr, "fit", "has no tasks");
    OuterStep sum;
    {
      nb::gil_scoped_release released;
      Weights& weights = loaded_->weights;
      if (!loop_) {
        const Options& options = loaded_->options;
        const int threads = threads_of(options.train.threads, *loaded_->model);
        loop_ = std::make_unique<OuterLoop>(*loaded_->model, *domain_, options, threads, weights, std::ref(interrupt_));
        loop_->restore(parameters_state_, rates_state_);
      }
      interrupt_.begin();
      for (std::int64_t i = 0; i < count; ++i) {
        const OuterStep step = loop_->step(weights, loaded_->iteration);
        if (!step.is_finite) give_up();
        sum.loss += step.loss;
        sum.before += step.before;
        sum.after += step.after;
        sum.rate = step.rate;
        iteration_ = ++loaded_->iteration;
      }
    }
    const double n = static_cast<double>(std::max<std::int64_t>(count, 1));
    return nb::make_tuple(sum.loss / n, sum.before / n, sum.after / n, sum.rate);
  }

  /// Metric after every inner step: mean and half the width of its 95 % interval. tasks: handed over; none: those of
  /// the domain of `data`.
  nb::tuple evaluate(const std::optional<nb::object>& tasks, const Options& data, const std::string& name, int steps,
                     std::optional<std::size_t> count, std::optional<std::uint64_t> seed) {
    const OneUser::Claim claim(user_, name_);
    const Tasks<float>* given = nullptr;
    if (tasks) given = nb::cast<const Tasks<float>*>(*tasks);
    EvaluationSummary summary;
    Interrupt interrupt;
    {
      nb::gil_scoped_release released;
      if (loop_) loop_->release();
      auto model = model_of(loaded_->options, foreign_of(*loaded_->model));
      Options options = loaded_->options;
      options.data = data.data;
      options = resolved_for(options, foreign_of(*model));
      auto domain =
          given ? given_domain(*model, &given, given_options(*model, *given)) : make_domain(options.data, model.get());
      const Experiment experiment(options, std::move(model), std::move(domain));
      Protocol how = protocol(name, experiment.options);
      how.steps = steps;
      if (count) how.tasks = *count;
      if (seed) how.seed = *seed;
      summary = maml::evaluate(experiment, loaded_->weights, how,
                               {.threads = threads_of(experiment.options.train.threads, *experiment.model),
                                .budget = experiment.options.train.memory_mib << 20,
                                .tick = std::ref(interrupt)});
    }
    std::vector<double> means, halves;
    for (const auto& step : summary.steps) {
      means.push_back(step.mean);
      halves.push_back(step.ci95);
    }
    const std::size_t n = means.size();
    return nb::make_tuple(summary.metric, array(std::move(means), {n}), array(std::move(halves), {n}));
  }

  std::unique_ptr<PyAdapted> adapt(const In<float>& x, const In<float>& y, std::optional<int> steps) {
    SupportSet support{{x.data(), x.data() + x.size()}, {y.data(), y.data() + y.size()}};
    AdaptOptions how;
    how.steps = steps;
    how.budget = loaded_->options.train.memory_mib << 20;
    Interrupt interrupt;
    how.tick = std::ref(interrupt);
    auto loaded = copy();
    nb::gil_scoped_release released;
    AdaptedModel adapted = maml::adapt(*loaded, std::move(support), how);
    return std::make_unique<PyAdapted>(std::move(loaded), std::move(adapted));
  }

  Options options() const { return loaded_->options; }
  /// Of the table that the model learned from; none where it did not.
  std::optional<Columns> columns() const {
    const DataOptions& data = loaded_->options.data;
    require(data.domain != "table" || !data.columns.empty(), "data.means",
            "are not known before a fit has read the table (fit(iterations=0) does that alone)");
    if (data.columns.empty()) return {};
    return table_columns(*loaded_, "model");
  }
  /// May be asked for while it trains.
  std::int64_t iteration() const { return iteration_; }

  /// Parameters, and the inner rates where they are learned.
  nb::dict parameters() {
    const OneUser::Claim claim(user_, name_);
    const Model& model = *loaded_->model;
    nb::dict result = named(model, loaded_->weights.parameters.data());
    const InnerLoop<float> loop(model, loaded_->options.inner);
    if (loop.learns_rates()) put_rates(result, model, loop.layout(), loaded_->weights.rates);
    return result;
  }
  void set_parameters(const nb::dict& arrays) {
    const OneUser::Claim claim(user_, name_);
    const Model& model = *loaded_->model;
    const InnerLoop<float> loop(model, loaded_->options.inner);
    const auto split = split_rates(model, arrays);
    auto parameters = flat<float>(model, split.parameters);
    auto rates = take_rates(model, loop.layout(), split.rates, loaded_->weights.rates);
    loaded_->weights.parameters = std::move(parameters);
    loaded_->weights.rates = std::move(rates);
  }

private:
  static constexpr const char* name_ = "MetaLearner";

  /// The learner as it is: it may go on training.
  std::shared_ptr<LoadedModel> copy() {
    const OneUser::Claim claim(user_, name_);
    auto result = std::make_shared<LoadedModel>();
    result->options = loaded_->options;
    result->model = model_of(loaded_->options, foreign_of(*loaded_->model));
    result->weights = loaded_->weights;
    result->iteration = loaded_->iteration;
    result->isa = loaded_->isa;
    return result;
  }
  void keep_states() {
    if (!loop_) return;
    parameters_state_ = loop_->parameters_state();
    rates_state_ = loop_->rates_state();
  }
  void drop_loop() {
    keep_states();
    loop_.reset();
    domain_.reset();
    is_given_ = false;
  }
  [[noreturn]] void give_up() {
    const auto task = loop_->non_finite_task(loaded_->weights, loaded_->iteration);
    fail("fit", "the loss or its gradient ceased to be finite at iteration ", loaded_->iteration + 1,
         task ? ", task " + std::to_string(*task) : std::string(", in the sum over the tasks"),
         " (try a smaller inner_lr or outer_lr, or clipping: outer_clip=10; the weights before it stay)");
  }

  OneUser user_;
  std::shared_ptr<LoadedModel> loaded_;
  std::atomic<std::int64_t> iteration_{0};  // that of loaded_
  std::optional<OptimiserState> parameters_state_, rates_state_;  // of a loop that is no more
  nb::object tasks_object_;                                       // keeps tasks_
  const Tasks<float>* tasks_ = nullptr;
  bool is_given_ = false, given_alike_ = false;
  std::unique_ptr<Domain> domain_;
  Interrupt interrupt_;
  std::unique_ptr<OuterLoop> loop_;
};

}  // namespace

void bind_learner(nb::module_& m) {
  nb::class_<PyAdapted>(m, "Adapted")
      .def("outputs", &PyAdapted::outputs, nb::arg("x"))
      .def("probabilities", &PyAdapted::probabilities, nb::arg("x"))
      .def("save", &PyAdapted::save, nb::arg("path"), nb::arg("classes"))
      .def_prop_ro("parameters", &PyAdapted::parameters)
      .def_prop_ro("steps", &PyAdapted::steps)
      .def_prop_ro("classes", &PyAdapted::classes);
  nb::class_<Learner>(m, "Learner")
      .def(nb::init<const Options&, const Model*>(), nb::arg("options"), nb::arg("foreign").none())
      .def_static("load", &Learner::load, nb::arg("path"), nb::arg("foreign").none(), nb::arg("best"))
      .def("save", &Learner::save, nb::arg("path"), nb::arg("overwrite"))
      .def("begin", &Learner::begin, nb::arg("data"), nb::arg("iterations"), nb::arg("by_engine"))
      .def("take_tasks", &Learner::take_tasks, nb::arg("tasks"))
      .def("run", &Learner::run, nb::arg("count"))
      .def("evaluate", &Learner::evaluate, nb::arg("tasks").none(), nb::arg("data"), nb::arg("protocol"),
           nb::arg("steps"), nb::arg("count").none(), nb::arg("seed").none())
      .def("adapt", &Learner::adapt, nb::arg("x"), nb::arg("y"), nb::arg("steps").none())
      .def_prop_ro("options", &Learner::options)
      .def_prop_ro("columns", &Learner::columns)
      .def_prop_ro("iteration", &Learner::iteration)
      .def_prop_rw("parameters", &Learner::parameters, &Learner::set_parameters);
}

}  // namespace maml::python
