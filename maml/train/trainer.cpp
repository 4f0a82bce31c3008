#include "maml/train/trainer.h"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "maml/base/error.h"
#include "maml/base/finite.h"
#include "maml/io/atomic_file.h"
#include "maml/io/csv_log.h"
#include "maml/io/folder_lock.h"
#include "maml/kernels/isa.h"
#include "maml/train/outer_loop.h"
#include "maml/train/tensorboard.h"

#ifndef MAML_VERSION
#define MAML_VERSION "unknown"
#endif

namespace maml {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

const std::vector<std::string> metric_columns = {"iteration",  "meta_loss",      "pre", "post", "rate",
                                                 "validation", "validation_ci95"};
const std::vector<std::string> timing_columns = {"iteration", "seconds", "iterations_per_second"};

void add_to(MetricSums& sums, const OuterStep& step) {
  sums.loss += step.loss;
  sums.before += step.before;
  sums.after += step.after;
  ++sums.count;
}

/// Throws Error where tasks of validation or testing cannot be drawn, of damaged data say: better now than at the first
/// validation, or after all of the training. Those of training too, where the data are in memory anyway.
void check_later_tasks(const Experiment& experiment) {
  const Options& options = experiment.options;
  if (!experiment.domain->columns().empty())
    experiment.domain->check(Purpose::train_task,
                             episode_options(*experiment.model, {}, options.inner, training_size(options.data)));
  const EpisodeOptions later = episode_options(*experiment.model, {}, options.inner, test_size(options.data));
  if (options.train.validate_every > 0) experiment.domain->check(Purpose::validation_task, later);
  experiment.domain->check(Purpose::test_task, later);
}

/// One call of `train`.
class Run {
public:
  Run(const Options& options, const RunFolder& folder, const Callbacks& callbacks)
      : lock_(folder.path()), experiment_(options), options_(experiment_.options), folder_(folder),
        callbacks_(callbacks), now_(start()),
        loop_(*experiment_.model, *experiment_.domain, options_, experiment_.threads(), now_.weights),
        metrics_(CsvLog::resume(folder.metrics(), metric_columns, now_.iteration)),
        timing_(CsvLog::resume(folder.timing(), timing_columns, now_.iteration)) {
    check_later_tasks(experiment_);
    loop_.restore(now_.parameters_state, now_.rates_state);
    forget_optimisers();
    resumed_at_ = now_.iteration;
    if (loop_.is_short_of_memory())
      notice("the memory budget lets only " + std::to_string(loop_.workers()) + " of " +
             std::to_string(experiment_.threads()) + " threads work (raise train.memory_mib)");
    record();
    if (!resumes_) save();
    if (options_.train.tensorboard)
      tensorboard_.emplace(folder_, options_, experiment_.model->loss().metric(), now_.iteration);
    row_start_ = report_start_ = start_ = Clock::now();
  }

  TrainSummary operator()() {
    const std::int64_t end = options_.train.iterations;
    bool stopped = false;
    while (now_.iteration < end && !stopped) {
      iterate();
      const bool is_last = now_.iteration == end;
      const bool validates = is_multiple(options_.train.validate_every);
      const auto validation = validates ? validate() : std::nullopt;
      if (validates || is_last || is_multiple(options_.train.log_every)) log(validation);
      report(is_last || validates);
      stopped = !is_last && callbacks_.stop && callbacks_.stop();
      if (stopped || is_last || is_multiple(options_.train.checkpoint_every)) save();
    }
    return finish(stopped);
  }

private:
  bool is_multiple(std::int64_t every) const { return every > 0 && now_.iteration % every == 0; }
  /// Their state lives in loop_; a checkpoint has a copy only while it is read or written.
  void forget_optimisers() {
    now_.parameters_state.reset();
    now_.rates_state.reset();
  }

  void notice(const std::string& text) const {
    if (callbacks_.notice) callbacks_.notice(text);
  }

  /// Where the run stands: at its last checkpoint, or at the beginning.
  Checkpoint start() {
    resumes_ = std::filesystem::exists(folder_.checkpoint());
    Checkpoint checkpoint;
    if (resumes_) {
      checkpoint = read_checkpoint(folder_.checkpoint(), *experiment_.model, options_, true);
      if (checkpoint.best) read_checkpoint(folder_.best(), *experiment_.model, options_, true);
    } else {
      checkpoint.weights = experiment_.initial();
    }
    // Only now: a checkpoint of other options is refused with its config untouched.
    const std::string config = to_toml(options_);
    if (!std::filesystem::exists(folder_.config()) || read_text_file(folder_.config()) != config)
      write_atomically(folder_.config(), config, "config");
    const std::string here = isa_name(active_isa());
    if (resumes_ && checkpoint.isa != here)
      notice("the checkpoint was computed with " + checkpoint.isa + ", this machine uses " + here +
             ": the run goes on, but its numbers are no longer those of one machine to the bit");
    checkpoint.isa = here;
    checkpoint.digest = digest(options_);
    return checkpoint;
  }

  void record() const {
    std::ofstream file(folder_.record(), std::ios::app);
    file << "iteration " << now_.iteration << ": " << now_.isa << ", " << experiment_.threads() << " threads, maml "
         << MAML_VERSION << "\n"
         << std::flush;
    require(file.good(), folder_.record(), "cannot be written (check its permissions and the disk's space)");
  }

  void iterate() {
    const OuterStep step = loop_.step(now_.weights, now_.iteration);
    if (!step.is_finite) give_up();
    add_to(now_.sums, step);
    add_to(reported_, step);
    rate_ = step.rate;
    ++now_.iteration;
  }

  [[noreturn]] void give_up() {
    const auto task = loop_.non_finite_task(now_.weights, now_.iteration);
    fail(folder_.path(), "the loss or its gradient ceased to be finite at iteration ", now_.iteration + 1,
         task ? ", task " + std::to_string(*task) : std::string(", in the sum over the tasks"),
         " (try a smaller inner.alpha or outer.rate, or clipping: outer.clip = 10; the checkpoint of iteration ",
         saved_at_, " is kept)");
  }

  EvaluationSummary evaluated(const Weights& weights, const Protocol& how) {
    loop_.release();
    return evaluate(experiment_, weights, how, {.threads = experiment_.threads(), .budget = loop_.budget()});
  }

  std::optional<EvaluatedStep> validate() {
    Protocol validation = protocol("own", options_);
    validation.tasks = options_.train.validation_tasks;
    validation.steps = options_.inner.steps;
    validation.split = "validation";
    const auto summary = evaluated(now_.weights, validation);
    const EvaluatedStep last = summary.steps.back();
    validation_ = last.mean;
    const bool lower = lower_is_better(summary.metric);
    const bool is_better = !now_.best || (lower ? last.mean < now_.best->value : last.mean > now_.best->value);
    if (std::isfinite(last.mean) && is_better) {
      now_.best = Best{now_.iteration, last.mean};
      Checkpoint best;
      best.iteration = now_.iteration;
      best.weights = now_.weights;
      best.best = now_.best;
      best.isa = now_.isa;
      best.digest = now_.digest;
      write_checkpoint(folder_.best(), *experiment_.model, options_, best, "best");
    }
    return last;
  }

  void log(const std::optional<EvaluatedStep>& validation) {
    const double none = std::numeric_limits<double>::quiet_NaN();
    const MetricSums& sums = now_.sums;
    const double count = static_cast<double>(sums.count), iteration = static_cast<double>(now_.iteration);
    const double row[] = {iteration,
                          sums.loss / count,
                          sums.before / count,
                          sums.after / count,
                          rate_,
                          validation ? validation->mean : none,
                          validation ? validation->ci95 : none};
    metrics_.append(row);
    const double seconds = seconds_since(row_start_);
    const double time[] = {iteration, seconds, static_cast<double>(now_.iteration - row_iteration()) / seconds};
    timing_.append(time);
    if (tensorboard_) {
      tensorboard_->append(metric_columns, row);
      tensorboard_->append(timing_columns, time);
    }
    row_start_ = Clock::now();
    last_row_ = now_.iteration;
    now_.sums = {};
  }
  std::int64_t row_iteration() const { return std::max(last_row_, resumed_at_); }

  /// Rows first, then the checkpoint that counts on them.
  void save() {
    if (!all_finite<float>(now_.weights.parameters) || !all_finite<float>(now_.weights.rates))
      fail(folder_.path(), "the parameters ceased to be finite by iteration ", now_.iteration,
           " (try a smaller outer.rate, or clipping: outer.clip = 10; the checkpoint of iteration ", saved_at_,
           " is kept)");
    metrics_.sync();
    timing_.sync();
    if (tensorboard_) tensorboard_->sync();
    now_.parameters_state = loop_.parameters_state();
    now_.rates_state = loop_.rates_state();
    write_checkpoint(folder_.checkpoint(), *experiment_.model, options_, now_, "checkpoint");
    forget_optimisers();
    saved_at_ = now_.iteration;
  }

  void report(bool is_due) {
    if (!callbacks_.progress) return;
    if (!is_due && seconds_since(report_start_) < callbacks_.progress_seconds) return;
    const double count = static_cast<double>(reported_.count);
    Progress progress;
    progress.iteration = now_.iteration;
    progress.iterations = options_.train.iterations;
    progress.meta_loss = reported_.loss / count;
    progress.before = reported_.before / count;
    progress.after = reported_.after / count;
    progress.metric = experiment_.model->loss().metric();
    progress.validation = validation_;
    progress.iterations_per_second = static_cast<double>(now_.iteration - resumed_at_) / seconds_since(start_);
    progress.seconds_left =
        static_cast<double>(options_.train.iterations - now_.iteration) / progress.iterations_per_second;
    callbacks_.progress(progress);
    report_start_ = Clock::now();
    reported_ = {};
  }

  TrainSummary finish(bool stopped) {
    TrainSummary summary;
    summary.iteration = now_.iteration;
    summary.stopped = stopped;
    summary.resumed_at = resumed_at_;
    summary.metric = experiment_.model->loss().metric();
    summary.best = now_.best;
    summary.weights = now_.weights;
    if (!stopped) {
      if (now_.best) summary.weights = read_checkpoint(folder_.best(), *experiment_.model, options_, true).weights;
      summary.evaluation = evaluated(summary.weights, protocol("own", options_));
      summary.evaluation->iteration = now_.best ? now_.best->iteration : now_.iteration;
      write_atomically(folder_.evaluation(), to_json(std::vector{*summary.evaluation}), "eval");
      if (tensorboard_) tensorboard_->finish(now_.iteration, *summary.evaluation);
    }
    summary.seconds = seconds_since(start_);
    return summary;
  }

  const FolderLock lock_;
  const Experiment experiment_;
  const Options& options_;
  const RunFolder& folder_;
  const Callbacks& callbacks_;
  bool resumes_ = false;
  Checkpoint now_;
  OuterLoop loop_;
  CsvLog metrics_, timing_;
  std::optional<TensorboardLog> tensorboard_;

  std::int64_t resumed_at_ = 0, saved_at_ = 0, last_row_ = 0;
  double rate_ = 0;
  MetricSums reported_;
  std::optional<double> validation_;
  Clock::time_point start_, row_start_, report_start_;
};

}  // namespace

Options require_trainable(const Options& options) {
  const Experiment experiment(options);
  check_later_tasks(experiment);
  [[maybe_unused]] const OuterLoop made(*experiment.model, *experiment.domain, experiment.options, experiment.threads(),
                                        experiment.initial());
  return experiment.options;
}

TrainSummary train(const Options& options, const RunFolder& folder, const Callbacks& callbacks) {
  return Run(options, folder, callbacks)();
}

}  // namespace maml
