// How long does it take a program to learn new characters and to classify one? Five pictures, one of each, go to
// adapt(), one more to the adapted model; statistics of the support set, one thread, fresh pictures each time. The
// model stays loaded; all else, memory too, is in the time.
//
//     adaptation_latency [--model PRESET|RUN] [--steps K] [--repeats N] [--isa avx2|avx512] [--json FILE]
//
// Work is counted as docs/performance.md says; a coupled prediction goes over the support rows again, and that counts.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/flags.h"
#include "maml/base/error.h"
#include "maml/base/rng.h"
#include "maml/io/atomic_file.h"
#include "maml/kernels/isa.h"
#include "maml/kernels/peak.h"
#include "maml/train/adapt.h"
#include "maml/train/flops.h"
#include "maml/train/inner_loop.h"
#include "maml/train/run_folder.h"

namespace maml::bench {

namespace {

/// A run's best weights, or a preset's initial ones.
LoadedModel loaded(const std::string& what) {
  if (is_run_folder(what)) return load_run(what);
  LoadedModel fresh;
  fresh.options = resolved(preset(what, preset_folders()));
  fresh.model = std::make_unique<Model>(fresh.options.model);
  fresh.weights.parameters = fresh.model->initial<float>(fresh.options.train.seed);
  fresh.weights.rates = InnerLoop<float>(*fresh.model, fresh.options.inner).initial_rates();
  fresh.weights.state = fresh.model->initial_state<float>();
  return fresh;
}

/// One picture of each class, and one more to classify: random pixels, 0 or 1.
struct Pictures {
  SupportSet support;
  std::vector<float> query;

  Pictures(std::uint32_t number, std::size_t classes, std::size_t pixels) {
    Rng rng(0, Purpose::test_task, number);
    const auto draw = [&] { return rng.coarse_uniform() < 0.1 ? 0.0f : 1.0f; };
    std::generate_n(std::back_inserter(support.x), classes * pixels, draw);
    std::generate_n(std::back_inserter(query), pixels, draw);
    for (std::size_t i = 0; i < classes; ++i) support.y.push_back(static_cast<float>(i));
  }
};

struct Timing {
  double median = 0, best = 0;
};

Timing time_calls(const LoadedModel& loaded, int steps, int repeats) {
  const Model& model = *loaded.model;
  std::vector<double> seconds;
  for (int i = -repeats / 10 - 1; i < repeats; ++i) {  // warm-up below 0
    Pictures pictures(static_cast<std::uint32_t>(i + repeats), model.output().size(), model.input().size());
    const auto start = std::chrono::steady_clock::now();
    const AdaptedModel adapted =
        adapt(loaded, std::move(pictures.support), {.steps = steps, .statistics = Statistics::support});
    (void)adapted.probabilities(pictures.query);
    if (i >= 0) seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds[seconds.size() / 2], seconds.front()};
}

nlohmann::ordered_json measure(const std::string& name, int steps, int repeats, Isa isa) {
  use_isa(isa);
  const LoadedModel given = loaded(name);  // its model is of this instruction set
  const Model& model = *given.model;
  const std::size_t classes = model.output().size();
  double peak = measure_peak_gflops(1, false, isa);
  const Timing timing = time_calls(given, steps, repeats);
  peak = std::max(peak, measure_peak_gflops(1, false, isa));

  const double flops = adaptation_flops(model, given.options.inner, steps, classes, classes + 1);
  const double fraction = flops / timing.median * 1e-9 / peak;
  std::printf(
      "%-7s %s, %zu pictures, %d steps, then one classified: median %.2f ms (best %.2f), %.3f GFLOP, %.0f %% of "
      "peak (%.1f GFLOP/s)\n",
      isa_name(isa), name.c_str(), classes, steps, timing.median * 1e3, timing.best * 1e3, flops * 1e-9, 100 * fraction,
      peak);
  return {{"model", name},
          {"isa", isa_name(isa)},
          {"threads", 1},
          {"pictures", classes},
          {"steps", steps},
          {"median_seconds", timing.median},
          {"best_seconds", timing.best},
          {"gflop", flops * 1e-9},
          {"peak_gflops", peak},
          {"peak_fraction", fraction}};
}

void run(const Flags& flags) {
  const std::string name = flags.text("model", "omniglot-5way-1shot"), only = flags.text("isa", "");
  const int steps = flags.number("steps", 3), repeats = std::max(1, flags.number("repeats", 500));
  auto all = nlohmann::ordered_json::array();
  for (const Isa isa : {Isa::avx2, Isa::avx512})
    if (isa_supported(isa) && (only.empty() || only == isa_name(isa)))
      all.push_back(measure(name, steps, repeats, isa));
  if (const std::string file = flags.text("json", ""); !file.empty()) write_atomically(file, all.dump(2) + "\n");
}

}  // namespace
}  // namespace maml::bench

int main(int argc, char** argv) try {
  maml::bench::run(maml::bench::Flags(argc, argv, {"model", "steps", "repeats", "isa", "json"}));
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
