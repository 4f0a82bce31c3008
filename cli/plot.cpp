#include <iostream>
#include <memory>

#include "cli/common.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/train/plots.h"

namespace maml::cli {

namespace {

struct Arguments {
  std::string run, baseline, out;
  std::size_t tasks = 600;
  int threads = 0;
};

int run(const Arguments& a) {
  require(!a.run.empty(), "plot", "name the folder of a run (maml plot runs/NAME)");
  require(a.threads >= 0, "--threads", "must be 0 (all processors) or above");
  require(a.tasks >= 2, "--tasks", "must be at least 2");
  PlotOptions options;
  if (!a.baseline.empty()) options.baseline = run_in(a.baseline);
  options.tasks = a.tasks;
  options.threads = a.threads;
  const auto runs = runs_in(a.run);
  for (const auto& path : runs) {
    // Several seeds: a folder for each.
    options.out = a.out.empty() || runs.size() == 1 ? a.out : a.out + "/" + short_name(path);
    const PlotSummary summary = plot_run(path, options);
    for (const auto& file : summary.files) std::cout << file << ".png, .svg\n";
    if (!summary.events.empty()) std::cout << summary.events << "\n";
    for (const auto& line : summary.left_out) std::cout << "  left out: " << line << "\n";
    if (!summary.baseline.empty()) std::cout << "  beside it: " << summary.baseline << "\n";
  }
  return 0;
}

}  // namespace

void add_plot(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand("plot", "Draws a run: learning curves, adaptation, predictions, filters");
  const auto a = std::make_shared<Arguments>();
  verb->add_option("run", a->run, "The folder of a run, or of runs of several seeds")->type_name("RUN");
  verb->add_option("--baseline", a->baseline, "A pretrained run to show beside it [a sibling that fits]")
      ->type_name("RUN");
  verb->add_option("--tasks", a->tasks, "Test tasks of the metric against inner steps")
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--out", a->out, "Folder for the pictures [RUN/plots]")->type_name("DIR");
  verb->add_option("--threads", a->threads, "0: all processors; results do not depend on it")->type_name("N");
  verb->footer("Examples:\n  maml plot runs/sinusoid-10shot\n"
               "  maml plot runs/sinusoid-10shot --baseline runs/sinusoid-10shot-pretrained\n"
               "  maml plot zoo/omniglot-5way-1shot --out pictures\n\n"
               "learning     the metric over outer iterations\n"
               "steps        the metric of test tasks against inner steps\n"
               "adaptation   sinusoids: waves before and after inner steps\n"
               "gallery      images: right and wrong predictions on test tasks\n"
               "filters      images: the weights of the first layer\n\n"
               "Each is written as PNG and SVG, and for TensorBoard where the run has train.tensorboard = true.\n"
               "It needs the program gnuplot; --out for a run of the zoo.");
  verb->callback([a, &chosen] { chosen = [a] { return run(*a); }; });
}

}  // namespace maml::cli
