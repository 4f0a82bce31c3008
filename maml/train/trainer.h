#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "maml/train/checkpoint.h"
#include "maml/train/evaluation.h"
#include "maml/train/run_folder.h"

namespace maml {

/// Where a run stands. Losses and metrics are means since the last report.
struct Progress {
  std::int64_t iteration = 0, iterations = 0;
  double meta_loss = 0;
  double before = 0, after = 0;  ///< metric before adaptation (support data) and after (query data)
  std::string metric;
  std::optional<double> validation;  ///< the last one: metric after the trained number of inner steps
  double iterations_per_second = 0, seconds_left = 0;
};

/// What a run tells; all optional. Called from the thread that trains.
struct Callbacks {
  std::function<void(const Progress&)> progress;   ///< every so often, and after the last iteration
  std::function<void(const std::string&)> notice;  ///< a sentence a person should read
  std::function<bool()> stop;                      ///< true: finish this iteration, save, return
  double progress_seconds = 0.1;                   ///< at least so long between two reports
};

struct TrainSummary {
  std::int64_t iteration = 0;  ///< iterations done
  bool stopped = false;        ///< by Callbacks::stop; train again with the same folder to go on
  double seconds = 0;          ///< of this call
  std::int64_t resumed_at = 0;
  std::string metric;
  std::optional<Best> best;                     ///< best validation
  std::optional<EvaluationSummary> evaluation;  ///< of the best weights (else the last), unless stopped
  Weights weights;                              ///< those
};

/// The options that an experiment with these has, resolved. Throws Error where they cannot be trained: values, model,
/// data, memory and `train.init`. To be asked before a folder is made, or an old run overwritten.
Options require_trainable(const Options&);

/// Meta-trains in a run folder. Where it holds a checkpoint, goes on from there as if never stopped: checkpoint, best,
/// metrics and evaluation end up with the same bytes. On an instruction set other than the checkpoint's it goes on with
/// a notice, and record.txt says so. The folder is locked meanwhile. Throws Error where loss or gradient cease to be
/// finite (the last checkpoint stays), or a file cannot be read or written.
TrainSummary train(const Options&, const RunFolder&, const Callbacks& = {});

}  // namespace maml
