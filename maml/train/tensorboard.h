#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "maml/io/append_file.h"
#include "maml/train/evaluation.h"
#include "maml/train/run_folder.h"

namespace maml {

/// What TensorBoard is told of a run, as records of its event files (maml/io/tensorboard_events.h). Each row of a log
/// is an event of scalars: `train/loss`, `train/METRIC_before` and `_after` the inner steps, `train/outer_rate`,
/// `val/METRIC`, `val/METRIC_ci95`, `time/..`; the last evaluation is `test/METRIC` after the trained number of inner
/// steps. HPARAMS has the options that fix results, and the metrics.
class RunEvents {
public:
  /// metric: what the model's loss measures. Options: resolved.
  RunEvents(const Options&, std::string metric);

  /// What a file begins with. restart: what earlier files of the run have from this step on is dropped.
  std::string opening(double seconds, std::optional<std::int64_t> restart = {}) const;
  /// A row of metrics.csv or timing.csv; its first column is the step.
  std::string row(double seconds, const std::vector<std::string>& columns, std::span<const double> values) const;
  /// The rows of a folder's logs from this iteration on, each at the time that timing.csv gives it, the last one when
  /// the folder's checkpoint was written. None where the folder has no logs.
  std::string rows(const RunFolder&, std::int64_t first) const;
  /// Evaluations by any protocols, and the run's end.
  std::string closing(double seconds, std::int64_t iteration, const std::vector<EvaluationSummary>&) const;

private:
  std::string tag_of(const std::string& column) const;
  const Options options_;
  const std::string metric_;
};

/// The event file of one call of `train`, in the run's folder. Going on at an iteration, it takes back what earlier
/// files have from there on, and has the log's row of that iteration again; where there are no earlier files, it has
/// all rows until then. Throws Error where it cannot be written.
class TensorboardLog {
public:
  TensorboardLog(const RunFolder&, const Options&, const std::string& metric, std::int64_t iteration);
  void append(const std::vector<std::string>& columns, std::span<const double> values);
  void finish(std::int64_t iteration, const EvaluationSummary&);
  void sync() { file_.sync(); }

private:
  const RunEvents events_;
  AppendFile file_;
};

/// Pictures NAME.png (given without .png) as `plots/NAME` in a new event file beside the first of them, in the place of
/// earlier ones of this iteration or a later one. Returns its path.
std::string log_pictures(const std::vector<std::string>& files, std::int64_t iteration);

/// All of a run as the bytes of one event file: its logs, the evaluations of eval.json, and the pictures in plots/. The
/// same folder gives the same bytes.
std::string event_file_of(const RunFolder&);

}  // namespace maml
