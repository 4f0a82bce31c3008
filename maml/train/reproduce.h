#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "maml/train/trainer.h"

namespace maml {

struct ReproduceOptions {
  std::vector<std::uint64_t> seeds = {0, 1, 2, 3, 4};
  bool quick = false;                   ///< a twentieth of the iterations and 1,000 tasks: to see it work
  std::string out = "docs";             ///< gets results/sinusoid.md, results.md and figures/sinusoid*
  std::string runs = "runs/reproduce";  ///< keeps the runs; what is there is not trained again
  int threads = 0;
  std::string command = "maml reproduce sinusoid";  ///< as it is named on the page
};

/// One preset over all seeds, on tasks that nothing was chosen by.
struct ReproducedPreset {
  std::string name;
  Options options;
  std::vector<EvaluationSummary> evaluations;  ///< one a seed
  std::vector<std::string> runs;
};

struct ReproduceSummary {
  bool stopped = false;  ///< by Callbacks::stop; call again to go on
  std::vector<ReproducedPreset> presets;
  std::vector<std::string> files;
};

/// Trains sinusoid-{5,10,20}shot with their baselines `-pretrained` and `-oracle` over the seeds, one run after the
/// other, evaluates each once on 10,000 fresh test tasks, and writes the tables and the paper's figure. `next` (or
/// null) is told the run that begins, e.g. `sinusoid-5shot, seed 2`.
ReproduceSummary reproduce_sinusoid(const ReproduceOptions&, const Callbacks& = {},
                                    const std::function<void(const std::string&)>& next = {});

}  // namespace maml
