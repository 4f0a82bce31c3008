#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "maml/train/experiment.h"

namespace maml {

/// What is evaluated; stands beside the numbers it gave.
struct Protocol {
  std::string name = "own";
  std::size_t tasks = 600;
  std::size_t ways = 0, shots = 0, query_shots = 0;  ///< 0: as the config says of testing
  std::optional<Statistics> statistics = {};         ///< of batch norm; none: what the model's text says
  int steps = 10;
  std::uint64_t seed = 0;      ///< of the tasks
  std::string split = "test";  ///< test | validation
  double alpha = 0;            ///< another inner rate everywhere; 0: as trained
};

/// Of tasks that neither training, validation nor `eval.seed` draws, as long as those stay away from it.
inline constexpr std::uint64_t fresh_tasks_seed = 1000003;

/// own: what the config says ([eval], data.test_*). validation: own's on 1,000 validation tasks, to choose by. paper:
/// 600 tasks, as many query as support examples, statistics of the batch at hand (the original MAML). strict: 5,000
/// tasks, 15 query examples a class, statistics of the support set. reached: paper's on 10,000 tasks of
/// fresh_tasks_seed, by which nothing was chosen.
std::vector<std::string> protocol_names();
/// By name, for these (resolved) options; throws Error that names the nearest.
Protocol protocol(const std::string& name, const Options&);

struct EvaluationOptions {
  int threads = 0;  ///< 0: all processors; results do not depend on it
  std::size_t budget = default_budget;
  std::function<void()> tick = {};  ///< of the adaptations, so called by all threads; what it throws ends it all
};

/// Query metric after so many inner steps: mean over the tasks, and half the width of its 95 % interval
/// (1.96 standard deviations / sqrt(tasks)).
struct EvaluatedStep {
  int step = 0;
  double mean = 0, ci95 = 0;
};

struct EvaluationSummary {
  Protocol protocol;   ///< sizes filled in, statistics too where the model has any
  std::string width;   ///< filters of the convolutions, else units of the hidden layers: `64`, `256-128-64-64`
  std::string metric;  ///< `mse`, `accuracy` or `loss`: what the model's loss measures
  std::vector<EvaluatedStep> steps;            ///< 0, 1, ..
  std::optional<std::int64_t> iteration = {};  ///< after which the weights were taken; none: not known
};

/// Adapts to fresh tasks of the split and judges after every step. The support data follow the rules of training; steps
/// beyond the trained ones use the last step's rates.
EvaluationSummary evaluate(const Experiment&, const Weights&, const Protocol&, const EvaluationOptions& = {});
/// The same for a loaded model: opens its data.
EvaluationSummary evaluate(const LoadedModel&, const Protocol&, const EvaluationOptions& = {});

/// Whether a smaller value of this metric is better.
bool lower_is_better(const std::string& metric);
/// What a person is shown is the metric times this: accuracy in percent.
double shown_factor(const std::string& metric);
/// `mse`, `accuracy, %`.
std::string shown_name(const std::string& metric);

/// {"protocol": {"name": "paper", "tasks": 600, ..}, "iteration": 57000, "width": "64", "metric": "accuracy", "steps":
/// [{"step": 0, "mean": x, "ci95": y}, ..]} with a final line break; accuracy from 0 to 1.
std::string to_json(const EvaluationSummary&);
/// {"evaluations": [..]}: what eval.json holds.
std::string to_json(const std::vector<EvaluationSummary>&);
/// Reads that back; `name` stands for the file in messages.
std::vector<EvaluationSummary> parse_evaluations(const std::string& json, const std::string& name);

/// Puts an evaluation into a file of them (made if need be), in the place of the one of that protocol's name.
void save_evaluation(const std::string& path, const EvaluationSummary&);

}  // namespace maml
