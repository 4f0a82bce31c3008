#include <iostream>
#include <memory>

#include "cli/common.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/train/plots.h"

namespace maml::cli {

namespace {

struct Arguments {
  std::string run, baseline;
  std::size_t tasks = 600;
  int threads = 0;
};

int run(const Arguments& a) {
  require(!a.run.empty(), "plot", "name the folder of a run (maml plot runs/NAME)");
  require(a.threads >= 0, "--threads", "must be 0 (all processors) or above");
  require(a.tasks >= 2, "--tasks", "must be at least 2");
  PlotOptions options;
  if (!a.baseline.empty()) options.baseline = runs_in(a.baseline).front();
  options.tasks = a.tasks;
  options.threads = a.threads;
  for (const auto& path : runs_in(a.run)) {
    const PlotSummary summary = plot_run(path, options);
    for (const auto& file : summary.files) std::cout << file << ".png, .svg\n";
    if (!summary.baseline.empty()) std::cout << "  beside it: " << summary.baseline << "\n";
  }
  return 0;
}

}  // namespace

void add_plot(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand("plot", "Draws a run: learning curves, adaptation, error against inner steps");
  const auto a = std::make_shared<Arguments>();
  verb->add_option("run", a->run, "The folder of a run, or of runs of several seeds")->type_name("RUN");
  verb->add_option("--baseline", a->baseline, "A pretrained run to show beside it [a sibling that fits]")
      ->type_name("RUN");
  verb->add_option("--tasks", a->tasks, "Test tasks of the error against inner steps")
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--threads", a->threads, "0: all processors; results do not depend on it")->type_name("N");
  verb->footer("Examples:\n  maml plot runs/sinusoid-10shot\n"
               "  maml plot runs/sinusoid-10shot --baseline runs/sinusoid-10shot-pretrained\n\n"
               "Each picture is written as PNG and SVG into RUN/plots. It needs the program gnuplot.");
  verb->callback([a, &chosen] { chosen = [a] { return run(*a); }; });
}

}  // namespace maml::cli
