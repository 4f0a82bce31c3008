#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "maml/train/experiment.h"

namespace maml {

struct EvaluationOptions {
  std::size_t tasks = 600;
  int steps = 10;
  std::size_t shots = 0;       ///< 0: as trained
  double alpha = 0;            ///< another inner rate everywhere; 0: as trained
  std::uint64_t seed = 0;      ///< of the tasks
  std::string split = "test";  ///< test | validation
  int threads = 0;             ///< 0: all processors; results do not depend on it
  std::size_t budget = std::size_t{384} << 20;
};

/// Query metric after so many inner steps: mean over the tasks, and half the width of its 95 % interval
/// (1.96 standard deviations / sqrt(tasks)).
struct EvaluatedStep {
  int step = 0;
  double mean = 0, ci95 = 0;
};

struct EvaluationSummary {
  std::string metric;  ///< `mse`, `accuracy` or `loss`: what the model's loss measures
  std::size_t tasks = 0;
  std::vector<EvaluatedStep> steps;  ///< 0, 1, ..
};

/// Adapts to fresh tasks of the split and judges after every step. The support data follow the rules of training; steps
/// beyond the trained ones use the last step's rates.
EvaluationSummary evaluate(const Experiment&, const Weights&, const EvaluationOptions&);

/// Whether a smaller value of this metric is better.
bool lower_is_better(const std::string& metric);

/// {"metric": "mse", "tasks": 600, "steps": [{"step": 0, "mean": x, "ci95": y}, ..]} with a final line break.
std::string to_json(const EvaluationSummary&);
/// Reads it back; `name` stands for the file in messages.
EvaluationSummary parse_evaluation(const std::string& json, const std::string& name);

}  // namespace maml
