#include <iostream>
#include <memory>
#include <optional>

#include "cli/common.h"
#include "cli/text.h"
#include "cli/train_report.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/kernels/isa.h"

namespace maml::cli {

namespace {

struct Arguments {
  std::string run, split = "test";
  std::optional<std::size_t> tasks, shots;
  std::optional<int> steps;
  std::optional<double> alpha;
  std::optional<std::uint64_t> seed;
  int threads = 0;
  bool json = false;
};

EvaluationOptions evaluation_options(const Arguments& a, const Options& options) {
  EvaluationOptions result;
  result.tasks = a.tasks.value_or(options.eval.tasks);
  result.steps = a.steps.value_or(options.eval.steps);
  result.shots = a.shots.value_or(0);
  result.alpha = a.alpha.value_or(0);
  result.seed = a.seed.value_or(options.eval.seed);
  result.split = a.split;
  result.threads = a.threads;
  result.budget = options.train.memory_mib << 20;
  return result;
}

int run(const Arguments& a) {
  require(!a.run.empty(), "eval", "name the folder of a run (maml eval runs/NAME)");
  require(!a.shots || *a.shots > 0, "--shots", "must be at least 1");
  require(!a.alpha || *a.alpha > 0, "--alpha", "must be above 0");
  require(a.threads >= 0, "--threads", "must be 0 (all processors) or above");
  std::vector<EvaluationSummary> evaluations;
  std::optional<Options> options;
  for (const auto& path : runs_in(a.run)) {
    const LoadedRun loaded = load_run(path);
    options = loaded.experiment.options;
    evaluations.push_back(evaluate(loaded.experiment, loaded.weights, evaluation_options(a, *options)));
    // eval.json holds the evaluation that the run's own options ask for.
    const bool is_own = a.split == "test" && !a.shots && !a.alpha && !a.tasks && !a.steps && !a.seed;
    if (is_own) write_atomically(loaded.folder.evaluation(), to_json(evaluations.back()), "eval");
  }
  if (a.json) {
    std::cout << (evaluations.size() == 1 ? to_json(evaluations.front()) : spread_json(evaluations));
    return 0;
  }
  const auto used = evaluation_options(a, *options);
  std::cout << "\n"
            << (options->about.title.empty() ? a.run : options->about.title) << ": " << with_commas(used.tasks) << " "
            << used.split << " tasks, " << (used.shots ? used.shots : options->data.shots) << " shots, "
            << (evaluations.size() > 1 ? std::to_string(evaluations.size()) + " seeds, " : "") << isa_name(active_isa())
            << "\n\n";
  // Published values are those of the run's own shots and rate.
  print_evaluations(evaluations, a.shots || a.alpha ? AboutOptions{} : options->about);
  return 0;
}

constexpr auto examples = R"(Examples:
  maml eval runs/sinusoid-10shot                  a table: step, mean, 95 % interval, published values
  maml eval runs/sinusoid-10shot --tasks 10000 --steps 20 --json
  maml eval runs/sinusoid-10shot --shots 5 --alpha 0.01

The weights are those of the best validation. Tasks are never those of training. eval.json in the run's
folder is written unless --shots, --alpha, --seed or --split ask for something else than the run's own.)";

}  // namespace

void add_eval(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand("eval", "Adapts a trained run to new tasks: mean and 95 % interval a step");
  const auto a = std::make_shared<Arguments>();
  verb->add_option("run", a->run, "The folder of a run, or of runs of several seeds")->type_name("RUN");
  verb->add_option("--tasks", a->tasks, "Tasks [eval.tasks of the run, mostly 600]")->type_name("N");
  verb->add_option("--steps", a->steps, "Inner steps [eval.steps of the run, mostly 10]")->type_name("K");
  verb->add_option("--shots", a->shots, "Support examples [as trained]")->type_name("K");
  verb->add_option("--alpha", a->alpha, "Inner rate for all parameters [as trained or learned]")->type_name("A");
  verb->add_option("--seed", a->seed, "Of the tasks [eval.seed of the run]")->type_name("N");
  verb->add_option("--split", a->split, "test or validation")->type_name("NAME")->capture_default_str();
  verb->add_option("--threads", a->threads, "0: all processors; results do not depend on it")->type_name("N");
  verb->add_flag("--json", a->json, "Prints one JSON object");
  verb->footer(examples);
  verb->callback([a, &chosen] { chosen = [a] { return run(*a); }; });
}

}  // namespace maml::cli
