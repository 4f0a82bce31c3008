#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "maml/train/trainer.h"

namespace maml::cli {

/// One trained run.
struct TrainedRun {
  std::string path;
  Options options;
  TrainSummary summary;
};

/// What was evaluated, in one line: `paper: 600 test tasks, 5 ways, 1 shot, 1 query, transductive, width 64`.
std::string protocol_text(const EvaluationSummary&);

/// The table of an evaluation with its 95 % interval, or of several with their spread (standard deviation), beside
/// published values where there are any. At least one.
void print_evaluations(const std::vector<EvaluationSummary>&, const AboutOptions&);

/// What came of runs and what one may do next; folder: what the user named, or the one run's own.
void print_results(const std::vector<TrainedRun>&, const std::string& folder);
/// The same as one JSON object.
std::string results_json(const std::vector<TrainedRun>&, const std::string& folder);

/// {"metric": .., "protocol": {..}, "runs": n, "steps": [{"step", "mean", "std"}, ..]}
std::string spread_json(const std::vector<EvaluationSummary>&);

}  // namespace maml::cli
