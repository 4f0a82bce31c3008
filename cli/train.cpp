#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "cli/common.h"
#include "cli/fresh_folder.h"
#include "cli/interrupt.h"
#include "cli/progress_bar.h"
#include "cli/train_report.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/train/option_text.h"

namespace maml::cli {

namespace {

struct Arguments {
  std::string what, out, seeds, init, resume;
  std::vector<std::string> set;
  std::optional<std::uint64_t> seed;
  std::optional<int> threads;
  bool overwrite = false, tensorboard = false, quiet = false, json = false;
};

/// A run to be trained, or trained on.
struct Planned {
  RunFolder folder;
  Options options;
};

void apply(const Arguments& a, Options& options) {
  for (const auto& assignment : a.set) set_option(options, assignment);
  if (a.threads) options.train.threads = *a.threads;
  if (a.tensorboard) options.train.tensorboard = true;
}

std::vector<Planned> new_runs(const Arguments& a, std::string& folder, FreshFolders& fresh) {
  require(!a.what.empty(), "train", "name a preset or a TOML file (maml presets lists what there is)");
  require(!a.seed || a.seeds.empty(), "train", "takes --seed or --seeds, not both");
  Options options = named_options(a.what);
  apply(a, options);
  if (!a.init.empty()) options.train.init = a.init;
  if (a.seed) options.train.seed = *a.seed;
  options = require_trainable(options);
  folder = !a.out.empty() ? a.out : free_run_folder("runs/" + short_name(a.what), a.overwrite);
  require(!a.overwrite || options.train.init.rfind(folder + "/", 0) != 0, "--init",
          "names a checkpoint of the run that --overwrite replaces (choose another --out)");

  std::vector<Planned> runs;
  const auto add = [&](const std::string& path) {
    fresh.add_run(path);
    runs.push_back({RunFolder::create(path, options, a.overwrite), options});
  };
  if (a.seeds.empty()) {
    add(folder);
    return runs;
  }
  require(!is_run_folder(folder), folder, "holds a run of one seed already (choose another folder)");
  // All folders at once, so that a resume finds those that have not begun.
  for (const auto seed : parse_seeds(a.seeds)) {
    options.train.seed = seed;
    add(folder + "/seed-" + std::to_string(seed));
  }
  return runs;
}

/// A resumed run may train for longer, or faster, but no other experiment.
void require_same_experiment(const std::string& path, const Options& before, const Options& now) {
  if (digest(before) == digest(now)) return;
  std::vector<std::string> old_values;
  visit(before, [&](const char*, const auto& field, const char*) { old_values.push_back(toml_text(field)); });
  std::size_t i = 0;
  visit(now, [&](const std::string& key, const auto& field, const char*) {
    if (toml_text(field) != old_values[i++] && fixes_results(key, now))
      fail(path, "a resumed run keeps its ", key, " = ", old_values[i - 1], " (for ", toml_text(field),
           " begin a new run, perhaps with --init ", path, "/checkpoint.safetensors)");
  });
}

std::vector<Planned> resumed_runs(const Arguments& a) {
  require(a.what.empty() && a.out.empty() && a.seeds.empty() && a.init.empty() && !a.seed && !a.overwrite, "train",
          "--resume goes on with a run as it is: it takes no preset, --out, --overwrite, --init, --seed or --seeds "
          "(only --set, --threads, --tensorboard, --quiet, --json)");
  std::vector<Planned> runs;
  for (const auto& path : runs_in(a.resume)) {
    RunFolder folder = RunFolder::open(path);
    const Options before = resolved(folder.options());
    Options options = before;
    apply(a, options);
    options = resolved(options);
    require_same_experiment(path, before, options);
    runs.push_back({std::move(folder), std::move(options)});
  }
  return runs;
}

TrainedRun train_one(const Planned& run, const Arguments& a, const std::string& title, std::string& opening) {
  ProgressBar bar(title);
  Callbacks callbacks;
  if (!a.quiet && (!a.json || stderr_is_terminal()))
    callbacks.progress = [&](const Progress& progress) {
      // Not before the first iteration: whatever is wrong from the start is said in one line.
      std::cerr << std::exchange(opening, "") << std::flush;
      bar.update(progress);
    };
  callbacks.notice = [&](const std::string& text) { bar.notice(text); };
  callbacks.stop = InterruptGuard::asked_to_stop;
  TrainSummary summary = train(run.options, run.folder, callbacks);
  bar.finish();
  return {run.folder.path(), run.options, std::move(summary)};
}

int run(const Arguments& a) {
  std::string folder = a.resume;
  FreshFolders fresh;
  const auto planned = a.resume.empty() ? new_runs(a, folder, fresh) : resumed_runs(a);
  const bool is_one = planned.size() == 1;
  std::string opening = "training " + folder + ", " + std::to_string(planned[0].options.train.iterations) +
                        " iterations" + (is_one ? "" : " for each of " + std::to_string(planned.size()) + " seeds") +
                        "\n";
  const InterruptGuard guard;
  std::vector<TrainedRun> runs;
  for (const auto& next : planned) {
    const std::string title = is_one ? "" : "seed " + std::to_string(next.options.train.seed);
    runs.push_back(train_one(next, a, title, opening));
    if (runs.back().summary.stopped) break;
  }
  fresh.keep();
  const bool stopped = runs.back().summary.stopped;
  if (a.json) std::cout << results_json(runs, folder);
  if (stopped) {
    std::cerr << "maml: stopped after iteration " << runs.back().summary.iteration
              << ", all is saved; go on with: maml train --resume " << folder << "\n";
    return 130;
  }
  if (!a.json && !a.quiet) print_results(runs, folder);
  return 0;
}

constexpr auto examples = R"(Examples:
  maml train sinusoid-10shot                              a preset, into runs/sinusoid-10shot
  maml train my.toml --set inner.steps=3 --out runs/a     a config of yours, one key changed
  maml train sinusoid-5shot --seeds 0..4                  five seeds; a table with mean and spread
  maml train --resume runs/a                              goes on as if it had never stopped, to the bit
  maml train --resume runs/a --set train.iterations=200000    and for longer
  maml train sinusoid-10shot --tensorboard                then: tensorboard --logdir runs
  maml info sinusoid-10shot                               every key with its meaning

Ctrl-C finishes the iteration, saves, and says how to go on (exit status 130).
A run folder holds config.toml, metrics.csv, timing.csv, record.txt, checkpoint.safetensors,
best.safetensors, eval.json, plots/, and with --tensorboard events.out.tfevents.*)";

}  // namespace

void add_train(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand("train", "Meta-trains a preset or a config, or goes on with a run");
  const auto a = std::make_shared<Arguments>();
  verb->add_option("what", a->what, "A preset (maml presets) or a TOML file")->type_name("PRESET|FILE.toml");
  verb->add_option("--set", a->set, "Sets a key, as often as you like: --set outer.rate=0.01")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb->add_option("--out", a->out, "The run's folder [runs/NAME, or the first free runs/NAME-2, ..]")
      ->type_name("DIR");
  verb->add_flag("--overwrite", a->overwrite, "Replaces the run that the folder holds");
  verb->add_option("--seed", a->seed, "Short for --set train.seed=N")->type_name("N");
  verb->add_option("--seeds", a->seeds, "Several runs, in DIR/seed-N: 0..4, or 0,3,7")->type_name("LIST");
  verb->add_option("--init", a->init, "Initial parameters from this checkpoint")->type_name("FILE.safetensors");
  verb->add_option("--threads", a->threads, "0: all processors; results do not depend on it")->type_name("N");
  verb->add_option("--resume", a->resume, "Goes on with the run (or runs of several seeds) in this folder")
      ->type_name("DIR");
  verb->add_flag("--tensorboard", a->tensorboard, "Short for --set train.tensorboard=true: logs for TensorBoard too");
  verb->add_flag("--quiet", a->quiet, "Prints errors only");
  verb->add_flag("--json", a->json, "Prints one JSON object in the end");
  verb->footer(examples);
  verb->callback([a, &chosen] { chosen = [a] { return run(*a); }; });
}

}  // namespace maml::cli
