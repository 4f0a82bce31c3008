#include "maml/train/reproduce.h"

#include <iostream>
#include <memory>

#include "cli/common.h"
#include "cli/interrupt.h"
#include "cli/progress_bar.h"
#include "cli/train_report.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/train/results_page.h"

namespace maml::cli {

namespace {

struct Arguments {
  std::string what, seeds = "0..4", out = "docs", runs = "runs/reproduce", zoo = "zoo";
  int threads = 0;
  bool quick = false;
};

int run(const Arguments& a) {
  require(!a.what.empty(), "reproduce", "name what to reproduce (sinusoid, or zoo)");
  require(a.what == "sinusoid" || a.what == "zoo", a.what, "cannot be reproduced",
          did_you_mean(a.what, {"sinusoid", "zoo"}), " (known: sinusoid, zoo)");
  if (a.what == "zoo") {
    for (const auto& file : write_results_section(a.out, "zoo", zoo_section(a.zoo))) std::cout << file << "\n";
    return 0;
  }
  require(a.threads >= 0, "--threads", "must be 0 (all processors) or above");
  ReproduceOptions options;
  options.seeds = parse_seeds(a.seeds);
  options.quick = a.quick;
  options.out = a.out;
  options.runs = a.runs;
  options.threads = a.threads;
  if (a.seeds != "0..4") options.command += " --seeds " + a.seeds;
  if (a.quick) options.command += " --quick";

  const InterruptGuard guard;
  std::unique_ptr<ProgressBar> bar;
  std::string title;
  Callbacks callbacks;
  callbacks.progress = [&](const Progress& progress) {
    if (!bar) bar = std::make_unique<ProgressBar>(title);
    bar->update(progress);
  };
  callbacks.notice = [](const std::string& text) { std::cerr << "maml: " << text << "\n"; };
  callbacks.stop = InterruptGuard::asked_to_stop;
  const ReproduceSummary summary = reproduce_sinusoid(options, callbacks, [&](const std::string& name) {
    bar.reset();
    title = name;
  });
  bar.reset();
  if (summary.stopped) {
    std::cerr << "maml: stopped, all is saved; go on with: " << options.command << "\n";
    return 130;
  }
  for (const auto& preset : summary.presets) {
    std::cout << "\n" << preset.options.about.title << "\n";
    print_evaluations(preset.evaluations, preset.options.about);
  }
  std::cout << "\n";
  for (const auto& file : summary.files) std::cout << file << "\n";
  return 0;
}

}  // namespace

void add_reproduce(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand("reproduce", "Trains a paper's experiment whole and writes its table and figure");
  const auto a = std::make_shared<Arguments>();
  verb->add_option("what", a->what,
                   "sinusoid: 5, 10, 20 shots, each with its baselines; zoo: the page of what is trained")
      ->type_name("sinusoid|zoo");
  verb->add_option("--seeds", a->seeds, "0..4, or 0,3,7")->type_name("LIST")->capture_default_str();
  verb->add_flag("--quick", a->quick, "A twentieth of the iterations and 1,000 tasks, to see it work");
  verb->add_option("--out", a->out, "Gets results.md, results/ and figures/")->type_name("DIR")->capture_default_str();
  verb->add_option("--runs", a->runs, "Keeps the runs; finished ones are used again")
      ->type_name("DIR")
      ->capture_default_str();
  verb->add_option("--zoo", a->zoo, "The folder of trained models")->type_name("DIR")->capture_default_str();
  verb->add_option("--threads", a->threads, "0: all processors; results do not depend on it")->type_name("N");
  verb->footer("Examples:\n  maml reproduce sinusoid                      45 runs, then docs/results.md\n"
               "  maml reproduce zoo                           the table of the models in zoo/ (make zoo trains them)\n"
               "  maml reproduce sinusoid --quick --seeds 0 --out /tmp/look\n\n"
               "Stopped by Ctrl-C it goes on where it was when it is called again.");
  verb->callback([a, &chosen] { chosen = [a] { return run(*a); }; });
}

}  // namespace maml::cli
