#include "maml/train/plots.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/train/plots_images.h"
#include "maml/train/tensorboard.h"

namespace maml {

namespace fs = std::filesystem;

namespace {

bool same_tasks(const DataOptions& a, const DataOptions& b) {
  return a.domain == b.domain && a.ways == b.ways && a.shots == b.shots;
}

StepCurve step_curve(const LoadedRun& run, const PlotOptions& options) {
  Protocol own = protocol("own", run.options);
  own.tasks = options.tasks;
  own.steps = std::max(own.steps, 1);
  return {algorithm_label(run.options),
          evaluate(run, own, {.threads = options.threads, .budget = run.options.train.memory_mib << 20})};
}

}  // namespace

std::string sibling_run(const std::string& run, const std::string& algorithm) {
  const RunFolder folder = RunFolder::open(run);
  const Options own = folder.options();
  const auto parent = (fs::absolute(folder.path()) / "..").lexically_normal();
  std::set<std::string> found;
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(parent, unreadable)) {
    const std::string path = entry.path().string();
    if (!is_run_folder(path) || !fs::exists(path + "/checkpoint.safetensors", unreadable)) continue;
    try {
      const Options options = RunFolder::open(path).options();
      if (options.outer.algorithm == algorithm && same_tasks(options.data, own.data) &&
          options.model.layers == own.model.layers)
        found.insert(path);
    } catch (const Error&) {
      continue;  // somebody else's folder
    }
  }
  if (found.empty()) return "";
  const auto relative = fs::path(folder.path()) / ".." / fs::path(*found.begin()).filename();
  return relative.lexically_normal().string();
}

PlotSummary plot_run(const std::string& path, const PlotOptions& options) {
  const LoadedRun run = load_run(path);
  const Options& own = run.options;
  PlotSummary summary;
  summary.baseline = options.baseline;
  if (summary.baseline.empty() && own.outer.algorithm != "pretrained")
    summary.baseline = sibling_run(path, "pretrained");
  std::unique_ptr<LoadedRun> baseline;
  if (!summary.baseline.empty()) baseline = std::make_unique<LoadedRun>(load_run(summary.baseline));
  if (baseline && !same_tasks(own.data, baseline->options.data))
    fail(summary.baseline, "was trained on other tasks than ", path,
         " (domain, ways or shots differ: name another with --baseline)");

  require(!options.out.empty() || !run.folder.is_packed(), path,
          "was packed for keeping, so nothing is written there (name a folder with --out)");
  const std::string out = options.out.empty() ? run.folder.plots() : options.out;
  std::error_code error;
  fs::create_directories(out, error);
  if (error) fail(out, "cannot be made: ", errno_text(error.value()));
  const auto named = [&](const std::string& name) { return summary.files.emplace_back(out + "/" + name); };
  const auto write = [&](const std::string& name, const Page& page) { plot(page, named(name)); };
  const auto write_board = [&](const std::string& name, const std::optional<PictureBoard>& board) {
    if (board) draw_board(*board, named(name));
  };

  if (fs::exists(run.folder.metrics(), error))
    write("learning", {.panels = {learning_figure(run)}, .panel_width = 520, .panel_height = 340});
  else
    summary.left_out.push_back("learning: " + run.folder.metrics() + " is not there");

  if (own.data.domain == "sinusoid" && !own.data.oracle) {
    Page page;
    for (const int which : {0, 1}) {
      const Wave wave = wave_to_show(own.eval.seed, own.data.shots, which);
      const std::string points = ", " + std::to_string(own.data.shots) + " points";
      page.panels.push_back(adaptation_figure(run, wave, algorithm_label(own) + points));
      if (baseline)
        page.panels.push_back(adaptation_figure(*baseline, wave, algorithm_label(baseline->options) + points));
    }
    share_y_range(page.panels);
    page.columns = 2;
    page.panel_height = 280;
    write("adaptation", page);
  }

  std::vector<StepCurve> curves = {step_curve(run, options)};
  if (baseline) curves.push_back(step_curve(*baseline, options));
  const std::string oracle = own.data.oracle ? "" : sibling_run(path, "oracle");
  if (!oracle.empty()) {
    // It knows the task and has nothing to adapt to: a level the others may reach.
    curves.push_back(step_curve(load_run(oracle), options));
    curves.back().label = "oracle, not adapted";
    curves.back().is_level = true;
  }
  write("steps", {.panels = {steps_figure(curves, own.about.published)}, .panel_width = 520, .panel_height = 340});

  if (own.data.domain == "images") {
    write_board("gallery", gallery_board(run));
    write_board("filters", filters_board(run));
  }
  if (own.train.tensorboard) summary.events = log_pictures(summary.files, run.iteration);
  return summary;
}

}  // namespace maml
