#include "maml/train/bench.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include <nlohmann/json.hpp>

#include "maml/base/error.h"
#include "maml/base/peak_rss.h"
#include "maml/base/workers.h"
#include "maml/kernels/isa.h"
#include "maml/kernels/peak.h"
#include "maml/train/flops.h"
#include "maml/train/meta_batch.h"
#include "maml/train/outer.h"

namespace maml {

namespace {

/// Meta-iterations, one after the other.
class Iterations {
public:
  Iterations(const Experiment& experiment, int threads)
      : options_(experiment.options), weights_(experiment.initial()),
        batch_(*experiment.model, *experiment.domain, meta_batch_options(experiment.options, threads, budget())),
        outer_(options_.outer, weights_.parameters.size()),
        rates_outer_(options_.outer, batch_.learns_rates() ? weights_.rates.size() : 0) {}

  /// Seconds that `count` of them take.
  double run(std::int64_t count) {
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < count; ++i) {
      auto& result = batch_.gradient(weights_.parameters.data(), weights_.rates.data(), weights_.state.data(), next_++);
      outer_.step(weights_.parameters.data(), result.gradient.data());
      if (batch_.learns_rates()) rates_outer_.step(weights_.rates.data(), result.d_rates.data());
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  const MetaBatch<float>& batch() const { return batch_; }

private:
  std::size_t budget() const {
    const std::size_t all = options_.train.memory_mib << 20;
    return all - std::min(all, OuterOptimiser<float>::bytes(weights_.parameters.size() + weights_.rates.size()));
  }

  const Options& options_;
  Weights weights_;
  MetaBatch<float> batch_;
  OuterOptimiser<float> outer_, rates_outer_;
  std::uint32_t next_ = 0;
};

/// The options as most iterations have them: the first ones may be cheaper.
Options settled(Options options) {
  options.outer.second_order_from = 0;
  if (options.inner.step_weights_until > 0) options.inner.step_weights.clear();
  options.inner.step_weights_until = 0;
  return options;
}

int threads_meant(int threads) {
  require(threads >= 0, "threads", "is ", threads, ", but must be 0 (all) or above");
  return threads > 0 ? threads : available_threads();
}

}  // namespace

BenchSummary bench(const Options& options, const std::string& workload, int threads, double seconds) {
  BenchSummary summary;
  summary.workload = workload;
  summary.threads = threads_meant(threads);
  const Experiment experiment(settled(options));
  summary.isa = isa_name(active_isa());

  Iterations iterations(experiment, summary.threads);
  constexpr int rounds = 20;
  summary.workers = iterations.batch().workers();
  summary.is_short_of_memory = iterations.batch().is_short_of_memory();
  iterations.run(1);
  // As many iterations a round as fit, by those of the warm-up.
  std::int64_t count = 1;
  double warm_up = iterations.run(count);
  while (warm_up < seconds / (2 * rounds)) warm_up = iterations.run(count *= 2);
  count = std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(count) * seconds / rounds / warm_up));
  const double peak_before = measure_peak_gflops(summary.threads, false, active_isa());
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < rounds; ++round)
    best = std::min(best, iterations.run(count) / static_cast<double>(count));
  summary.seconds_per_iteration = best;
  summary.gflops = meta_iteration_flops(experiment) / summary.seconds_per_iteration / 1e9;
  summary.peak_gflops = std::max(peak_before, measure_peak_gflops(summary.threads, false, active_isa()));
  summary.peak_fraction = summary.gflops / summary.peak_gflops;
  summary.peak_rss_mb = peak_rss_mb();
  return summary;
}

void make_iterations(const Options& options, int threads, std::int64_t count) {
  require(count >= 1, "iterations", "is ", count, ", but must be at least 1");
  const int meant = threads_meant(threads);
  const Experiment experiment(settled(options));
  Iterations(experiment, meant).run(count);
}

std::string to_json(const BenchSummary& summary) {
  const nlohmann::ordered_json object = {{"workload", summary.workload},
                                         {"threads", summary.threads},
                                         {"workers", summary.workers},
                                         {"isa", summary.isa},
                                         {"seconds_per_iteration", summary.seconds_per_iteration},
                                         {"gflops", summary.gflops},
                                         {"peak_gflops", summary.peak_gflops},
                                         {"peak_fraction", summary.peak_fraction},
                                         {"peak_rss_mb", summary.peak_rss_mb}};
  return object.dump(2) + "\n";
}

}  // namespace maml
