#include "maml/train/reproduce.h"

#include <cstdio>
#include <filesystem>
#include <sstream>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/io/atomic_file.h"
#include "maml/kernels/isa.h"
#include "maml/train/plots.h"
#include "maml/train/results_page.h"
#include "maml/train/spread.h"

namespace maml {

namespace fs = std::filesystem;

namespace {

constexpr int shots_of_paper[] = {5, 10, 20};
constexpr const char* kinds[] = {"", "-pretrained", "-oracle"};

std::size_t task_count(const ReproduceOptions& options) {
  return options.quick ? 1000 : 10000;
}

Options run_options(const ReproduceOptions& options, const std::string& name, std::uint64_t seed) {
  Options result = preset(name);
  result.train.seed = seed;
  result.train.threads = options.threads;
  if (options.quick) {
    result.train.iterations = std::max<std::int64_t>(result.train.iterations / 20, 1);
    result.train.validate_every = result.train.iterations;
    result.train.checkpoint_every = result.train.iterations;
  }
  return resolved(result);
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail(path, "cannot be made: ", errno_text(error.value()));
}

/// Trains the run unless it is there already. False where it was stopped.
bool have_run(const std::string& path, const Options& options, const Callbacks& callbacks) {
  std::error_code unreadable;
  if (!fs::exists(path + "/checkpoint.safetensors", unreadable)) {
    fs::remove(path + "/test.json", unreadable);
    return !train(options, RunFolder::create(path, Experiment(options).options, true), callbacks).stopped;
  }
  const RunFolder folder = RunFolder::open(path);
  const Options before = resolved(folder.options());
  require(digest(before) == digest(options) && before.train.iterations == options.train.iterations &&
              before.train.validate_every == options.train.validate_every &&
              before.train.validation_tasks == options.train.validation_tasks,
          path, "is a run of other settings (remove it, or name another folder with --runs)");
  if (fs::exists(folder.evaluation(), unreadable)) return true;
  return !train(options, folder, callbacks).stopped;
}

/// The one evaluation, kept beside the run.
EvaluationSummary test(const std::string& path, const ReproduceOptions& options) {
  const std::string file = path + "/test.json";
  std::error_code unreadable;
  if (fs::exists(file, unreadable)) return parse_evaluations(read_text_file(file), file).at(0);
  const LoadedRun run = load_run(path);
  Protocol fresh = protocol("own", run.options);
  fresh.tasks = task_count(options);
  fresh.seed = fresh_tasks_seed;
  EvaluationSummary summary =
      evaluate(run, fresh, {.threads = options.threads, .budget = run.options.train.memory_mib << 20});
  write_atomically(file, to_json(std::vector{summary}));
  return summary;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

std::string published_text(const Options& options, int step) {
  for (const auto& entry : options.about.published)
    if (entry.step == step) {
      std::ostringstream text;
      text << entry.value;
      return text.str();
    }
  return "";
}

std::string section(const ReproduceOptions& options, const std::vector<ReproducedPreset>& presets) {
  std::ostringstream page;
  page
      << "<!-- Written by `" << options.command << "`; do not edit. -->\n\n## Sinusoid regression\n\n"
      << "Finn, Abbeel and Levine, ICML 2017, section 5.1. Mean squared error on the query points after so many inner\n"
      << "steps: mean over " << options.seeds.size() << (options.seeds.size() == 1 ? " seed" : " seeds")
      << ", ± their standard deviation. Each run is evaluated once, on " << task_count(options)
      << " test tasks that\nno setting was chosen by; the weights are those of its best validation.\n"
      << (options.quick ? "\n**A quick look: a twentieth of the iterations.**\n" : "");
  for (const int shots : shots_of_paper) {
    const std::string base = "sinusoid-" + std::to_string(shots) + "shot";
    page << "\n### " << shots << " shots\n\n| inner steps |";
    std::vector<const ReproducedPreset*> columns;
    for (const auto& preset : presets)
      if (preset.name.compare(0, base.size(), base) == 0) columns.push_back(&preset);
    std::string rule = "\n|---:|";
    std::vector<std::vector<SpreadStep>> spreads;
    for (const auto* column : columns) {
      spreads.push_back(spread_of(column->evaluations));
      const bool has_published = !column->options.about.published.empty();
      page << " " << column->options.outer.algorithm << (has_published ? " | published |" : " |");
      rule += has_published ? "---:|---:|" : "---:|";
    }
    page << rule << "\n";
    for (std::size_t k = 0; !spreads.empty() && k < spreads.front().size(); ++k) {
      page << "| " << spreads.front()[k].step << " |";
      for (std::size_t c = 0; c < columns.size(); ++c) {
        const Options& of = columns[c]->options;
        page << " " << number(spreads[c][k].mean) << " ± " << number(spreads[c][k].deviation) << " |";
        if (!of.about.published.empty()) page << " " << published_text(of, spreads[c][k].step) << " |";
      }
      page << "\n";
    }
  }
  page << "\nThe oracle is given amplitude and phase: its error at step 0 is the level to reach. It has nothing to "
          "adapt to,\n"
          "and steps at this alpha, with those larger inputs, take it away from there.\n";
  const Options& first = presets.front().options;
  page << "\n![Adaptation to a new wave](figures/sinusoid.png)\n\n"
       << "One wave, as in the paper's figure 2: MAML and pretrained, from 5 and from 10 support points.\n\n"
       << "![Error against inner steps](figures/sinusoid-steps.png)\n\n"
       << "5 shots, seed " << options.seeds.front() << ": error against inner steps, with the 95 % band over tasks.\n\n"
       << "### Settings\n\nThe presets, in `presets/`, say of each value whether it is the paper's, its code's or "
          "ours.\n\n"
       << "- network: " << join(first.model.layers) << "\n- inner: " << first.inner.steps << " step, alpha "
       << first.inner.alpha.everywhere << "; outer: " << first.outer.optimiser << " at " << first.outer.rate << ", "
       << first.data.tasks << " tasks, " << first.train.iterations << " iterations\n- seeds:";
  for (const auto seed : options.seeds) page << " " << seed;
  page << "; test tasks drawn from seed " << fresh_tasks_seed << "\n- instruction set: " << isa_name(active_isa())
       << "\n- command: `" << options.command << "`\n";
  return page.str();
}

void draw_figures(const ReproduceOptions& options, ReproduceSummary& summary) {
  const auto run_of = [&](const std::string& name) {
    for (const auto& preset : summary.presets)
      if (preset.name == name) return preset.runs.front();
    fail(name, "was not run");
  };
  const auto draw = [&](const std::string& name, const Page& page) {
    summary.files.push_back(options.out + "/figures/" + name);
    plot(page, summary.files.back());
  };
  make_folder(options.out + "/figures");
  Page waves;
  for (const std::string kind : {"", "-pretrained"})
    for (const int shots : {5, 10}) {
      const LoadedRun run = load_run(run_of("sinusoid-" + std::to_string(shots) + "shot" + kind));
      const Wave wave = wave_to_show(fresh_tasks_seed, static_cast<std::size_t>(shots), 0);
      const std::string title = (kind.empty() ? "MAML, " : "pretrained, ") + std::to_string(shots) + " points";
      waves.panels.push_back(adaptation_figure(run, wave, title));
    }
  share_y_range(waves.panels);
  waves.columns = 2;
  waves.panel_height = 280;
  draw("sinusoid", waves);

  std::vector<StepCurve> curves;
  const char* labels[] = {"MAML", "pretrained", "oracle, not adapted"};
  for (std::size_t i = 0; i < 3; ++i)
    for (const auto& preset : summary.presets)
      if (preset.name == std::string("sinusoid-5shot") + kinds[i])
        curves.push_back({labels[i], preset.evaluations.front(), i == 2});
  draw("sinusoid-steps", {.panels = {steps_figure(curves, summary.presets.front().options.about.published)},
                          .panel_width = 520,
                          .panel_height = 340});
}

}  // namespace

ReproduceSummary reproduce_sinusoid(const ReproduceOptions& options, const Callbacks& callbacks,
                                    const std::function<void(const std::string&)>& next) {
  require(!options.seeds.empty(), "seeds", "is empty (name at least one)");
  ReproduceSummary summary;
  // Everything that could be wrong shows before the first run.
  for (const int shots : shots_of_paper)
    for (const char* kind : kinds) {
      const std::string name = "sinusoid-" + std::to_string(shots) + "shot" + kind;
      summary.presets.push_back({name, run_options(options, name, options.seeds.front()), {}, {}});
    }
  make_folder(options.out);
  require(gnuplot_available(), "gnuplot", "is missing, and the figures need it (apt-get install gnuplot-nox)");
  const std::string runs = options.runs + (options.quick ? "-quick" : "");
  for (auto& preset : summary.presets)
    for (const auto seed : options.seeds) {
      const std::string path = runs + "/" + preset.name + "/seed-" + std::to_string(seed);
      if (next) next(preset.name + ", seed " + std::to_string(seed));
      if (!have_run(path, run_options(options, preset.name, seed), callbacks)) {
        summary.stopped = true;
        return summary;
      }
      preset.runs.push_back(path);
      preset.evaluations.push_back(test(path, options));
    }
  draw_figures(options, summary);
  for (auto& file : write_results_section(options.out, "sinusoid", section(options, summary.presets)))
    summary.files.push_back(std::move(file));
  return summary;
}

}  // namespace maml
