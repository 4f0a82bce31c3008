#include <iostream>
#include <memory>
#include <optional>

#include "cli/common.h"
#include "cli/text.h"
#include "cli/train_report.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/io/csv_log.h"
#include "maml/io/table.h"
#include "maml/kernels/isa.h"

namespace maml::cli {

namespace {

struct Arguments {
  std::string run, weights;
  std::optional<std::string> split;
  std::vector<std::string> set;
  std::optional<std::string> protocol, statistics;
  std::optional<std::size_t> tasks, ways, shots, query_shots;
  std::optional<int> steps;
  std::optional<double> alpha;
  std::optional<std::uint64_t> seed;
  int threads = 0;
  bool json = false, csv = false;

  /// Whether other tasks, or another way of adapting to them, are asked for than the protocol's.
  bool overrides() const {
    return split || !set.empty() || statistics || tasks || ways || shots || query_shots || steps || alpha || seed;
  }
};

void check(const Arguments& a) {
  require(!a.run.empty(), "eval", "name the folder of a run (maml eval runs/NAME)");
  for (const auto& [flag, value] : {std::pair("--ways", a.ways), std::pair("--shots", a.shots),
                                    std::pair("--query-shots", a.query_shots), std::pair("--tasks", a.tasks)})
    require(!value || *value > 0, flag, "must be at least 1");
  require(!a.steps || *a.steps >= 0, "--steps", "must be 0 or above");
  require(!a.alpha || *a.alpha > 0, "--alpha", "must be above 0");
  require(a.threads >= 0, "--threads", "must be 0 (all processors) or above");
  require(!a.json || !a.csv, "--csv", "does not go with --json (choose one)");
}

/// The protocols to evaluate by: the one named, else both of the literature for classifiers, else the config's own.
std::vector<Protocol> protocols(const Arguments& a, const Options& options) {
  std::vector<std::string> names = {"own"};
  if (a.protocol)
    names = {*a.protocol};
  else if (options.model.loss == "cross_entropy")
    names = {"paper", "strict"};
  std::vector<Protocol> result;
  for (const auto& name : names) {
    Protocol p = protocol(name, options);
    p.tasks = a.tasks.value_or(p.tasks);
    p.ways = a.ways.value_or(p.ways);
    // As many query examples as shots, where the protocol has it so.
    if (a.shots && p.query_shots == p.shots && name != "strict") p.query_shots = *a.shots;
    p.shots = a.shots.value_or(p.shots);
    p.query_shots = a.query_shots.value_or(p.query_shots);
    if (a.statistics) p.statistics = parse_statistics("--statistics", *a.statistics);
    p.steps = a.steps.value_or(p.steps);
    p.seed = a.seed.value_or(p.seed);
    p.alpha = a.alpha.value_or(0);
    p.split = a.split.value_or(p.split);
    result.push_back(std::move(p));
  }
  return result;
}

/// Whether published values may stand beside these: they are of the run's own sizes and rate, and of predictions made
/// together.
bool is_as_published(const Arguments& a, const Protocol& p) {
  return p.name != "strict" && !a.ways && !a.shots && !a.query_shots && !a.statistics && !a.alpha;
}

/// A model to evaluate; folder: that of its run, if it is one's.
struct Subject {
  std::string name;  ///< of the run's folder, or of the file of weights
  LoadedModel model;
  std::optional<RunFolder> folder;
};

std::vector<Subject> subjects(const Arguments& a) {
  std::vector<Subject> result;
  if (!a.weights.empty()) {
    result.push_back({a.weights, load_model(named_options(a.run), a.weights), {}});
  } else {
    for (const auto& path : runs_in(a.run)) {
      LoadedRun run = load_run(path);
      RunFolder folder = run.folder;
      result.push_back({path, std::move(run), std::move(folder)});
    }
  }
  for (auto& subject : result) {
    for (const auto& assignment : a.set) {
      require(assignment.starts_with("data."), "--set", "changes data.* alone here, the rest is the model's own");
      set_option(subject.model.options, assignment);
    }
    subject.model.options = resolved(subject.model.options);
  }
  return result;
}

/// By protocol: one evaluation of each model.
using ByProtocol = std::vector<std::vector<EvaluationSummary>>;

/// A row for each run, protocol and step. Nothing but names may hold what CSV wants quoted; what is not known, or not
/// finite, is an empty cell.
void print_csv(const std::vector<Subject>& models, const ByProtocol& evaluations) {
  std::cout
      << "run,protocol,split,tasks,ways,shots,query_shots,statistics,alpha,seed,iteration,metric,step,mean,ci95\n";
  for (const auto& of_protocol : evaluations)
    for (std::size_t i = 0; i < models.size(); ++i) {
      const EvaluationSummary& summary = of_protocol[i];
      const Protocol& p = summary.protocol;
      for (const auto& step : summary.steps)
        std::cout << csv_cell(models[i].name) << "," << p.name << "," << p.split << "," << p.tasks << "," << p.ways
                  << "," << p.shots << "," << p.query_shots << "," << (p.statistics ? to_string(*p.statistics) : "")
                  << "," << (p.alpha != 0 ? shortest_text(p.alpha) : "") << "," << p.seed << ","
                  << (summary.iteration ? std::to_string(*summary.iteration) : "") << "," << summary.metric << ","
                  << step.step << "," << shortest_text(step.mean) << "," << shortest_text(step.ci95) << "\n";
    }
}

void print_json(const ByProtocol& evaluations) {
  if (evaluations.front().size() > 1) {
    std::string spreads;
    for (const auto& of_protocol : evaluations) spreads += (spreads.empty() ? "" : ", ") + spread_json(of_protocol);
    std::cout << "{\"evaluations\": [" << spreads << "]}\n";
    return;
  }
  std::vector<EvaluationSummary> all;
  for (const auto& of_protocol : evaluations) all.push_back(of_protocol.front());
  std::cout << to_json(all);
}

void print_tables(const Arguments& a, const std::vector<Subject>& models, const ByProtocol& evaluations) {
  const AboutOptions& about = models.front().model.options.about;
  std::cout << "\n"
            << (about.title.empty() ? a.run : about.title)
            << (models.size() > 1 ? ", " + std::to_string(models.size()) + " seeds" : "") << " ("
            << isa_name(active_isa()) << ")\n";
  for (const auto& of_protocol : evaluations) {
    std::cout << "\n" << protocol_text(of_protocol.front()) << "\n\n";
    const bool shows_published = is_as_published(a, of_protocol.front().protocol);
    print_evaluations(of_protocol, shows_published ? about : AboutOptions{});
  }
}

/// Puts evaluations by the protocols themselves into eval.json of their runs.
void save(const Arguments& a, const std::vector<Subject>& models, const ByProtocol& evaluations) {
  if (a.overrides()) return;
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (!models[i].folder || models[i].folder->is_packed()) continue;
    for (const auto& of_protocol : evaluations) save_evaluation(models[i].folder->evaluation(), of_protocol[i]);
  }
}

/// Evaluates, then prints, then saves: a file that cannot be written hides no result.
int run(const Arguments& a) {
  check(a);
  const auto models = subjects(a);
  const Options& options = models.front().model.options;
  const auto wanted = protocols(a, options);
  const EvaluationOptions how{.threads = a.threads, .budget = options.train.memory_mib << 20};
  ByProtocol evaluations(wanted.size());
  for (const auto& subject : models) {
    const Experiment experiment(subject.model.options);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      evaluations[i].push_back(evaluate(experiment, subject.model.weights, wanted[i], how));
      if (subject.folder) evaluations[i].back().iteration = subject.model.iteration;
    }
  }
  if (a.csv)
    print_csv(models, evaluations);
  else if (a.json)
    print_json(evaluations);
  else
    print_tables(a, models, evaluations);
  std::cout.flush();
  save(a, models, evaluations);
  return 0;
}

constexpr auto examples = R"(Examples:
  maml eval runs/sinusoid-10shot                  a table: step, mean, 95 % interval, published values
  maml eval runs/sinusoid-10shot --tasks 10000 --steps 20 --json
  maml eval runs/sinusoid-10shot --shots 5 --alpha 0.01
  maml eval runs/sinusoid-10shot --csv >steps.csv
  maml eval runs/omniglot-5way-1shot              both protocols of the literature
  maml eval runs/omniglot-5way-1shot --protocol strict --statistics transductive
  maml eval mini-imagenet-5way-1shot --weights theirs.safetensors

Protocols:
  own         what the config says ([eval], data.test_*)
  validation  the same on 1,000 validation tasks: what may be chosen by
  paper       600 tasks, as many query as support examples, statistics of the batch at hand
  strict      5,000 tasks, 15 query examples a class, statistics of the support set
  reached     paper's on 10,000 tasks of a seed that nothing was chosen by

The weights are those of the best validation. Tasks are never those of training. eval.json in the run's
folder gets each evaluation by its protocol, unless an option asks for something else than the protocol's.)";

}  // namespace

void add_eval(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand("eval", "Adapts a trained run to new tasks: mean and 95 % interval a step");
  const auto a = std::make_shared<Arguments>();
  verb->add_option("run", a->run, "The folder of a run, or of runs of several seeds; with --weights a preset or a file")
      ->type_name("RUN|PRESET|FILE.toml");
  verb->add_option("--protocol", a->protocol, "What is evaluated on, below [own; classifiers: paper and strict]")
      ->type_name(join(protocol_names(), "|"));
  verb->add_option("--tasks", a->tasks, "Tasks [the protocol's]")->type_name("N");
  verb->add_option("--steps", a->steps, "Inner steps [eval.steps of the run, mostly 10]")->type_name("K");
  verb->add_option("--ways", a->ways, "Classes of a task [data.test_ways]")->type_name("N");
  verb->add_option("--shots", a->shots, "Support examples [data.test_shots]")->type_name("K");
  verb->add_option("--query-shots", a->query_shots, "Query examples of a class [the protocol's]")->type_name("K");
  verb->add_option("--statistics", a->statistics, "Whose statistics batch norm takes [the protocol's]")
      ->type_name(join(statistics_names(), "|"));
  verb->add_option("--alpha", a->alpha, "Inner rate for all parameters [as trained or learned]")->type_name("A");
  verb->add_option("--seed", a->seed, "Of the tasks [the protocol's]")->type_name("N");
  verb->add_option("--split", a->split, "Of the tasks [the protocol's]")->type_name("test|validation");
  verb->add_option("--weights", a->weights, "Weights from any safetensors file, by PyTorch's names")
      ->type_name("FILE.safetensors");
  verb->add_option("--set", a->set, "Sets a key of the table data: --set data.file=other.maml")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb->add_option("--threads", a->threads, "0: all processors; results do not depend on it")->type_name("N");
  verb->add_flag("--json", a->json, "Prints one JSON object");
  verb->add_flag("--csv", a->csv, "Prints a table for programs: a row for each run, protocol and step");
  verb->footer(examples);
  verb->callback([a, &chosen] { chosen = [a] { return run(*a); }; });
}

}  // namespace maml::cli
