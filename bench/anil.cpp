// Is ANIL as much faster than MAML as it should be? 784-256-128-64-64-5 with layer_norm, 5-way 1-shot, K = 5: both
// rows' time a task and fraction of the peak measured in the same run.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "maml/algorithms/algorithm.h"
#include "maml/kernels/isa.h"
#include "maml/kernels/peak.h"
#include "maml/nn/work.h"
#include "tests/support/bed.h"

using namespace maml;
using namespace maml::test;

namespace {

struct Timing {
  double seconds, flops;
};

Timing time_row(const char* name, Bed<float>& bed, int steps) {
  const bool is_anil = std::string(name) == "anil";
  const auto layout = bed.layout({is_anil ? "linear5*" : "*"});
  const std::size_t front_layers = is_anil ? bed.model.layer_at(layout.frozen_front()) : 0;
  const auto front = make_feature_map<float>(bed.model, front_layers, Mode{});
  const auto head = make_objective<float>(bed.model, Mode{}, nullptr, front_layers);
  Adaptation<float> adaptation({head.get(), head.get(), bed.rule.get(), &layout, is_anil ? front.get() : nullptr},
                               bed.options(steps));
  const float alpha = 0.01f;
  adaptation.set_rates(&alpha);
  MetaGradient<float> out(1, bed.model.parameters(), 0);
  double best = 1e9;
  for (int repeat = 0; repeat < 40; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    algorithm(name)(adaptation, bed.task, {bed.theta.data(), {}}, out);
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  WorkOptions work;
  work.inner_steps = steps;
  work.support_rows = work.query_rows = 5;
  work.mask = layout.mask();
  work.front_layers = front_layers;
  return {best, meta_gradient_flops(bed.model, work)};
}

}  // namespace

int main() {
  bool is_fast_enough = true;
  const ModelOptions options{{784},
                             {"linear 256", "layer_norm", "relu", "linear 128", "layer_norm", "relu", "linear 64",
                              "layer_norm", "relu", "linear 64", "layer_norm", "relu", "linear 5"},
                             "cross_entropy",
                             "mean"};
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (!isa_supported(isa)) {
      std::printf("SKIPPED %s: this CPU lacks it\n", isa_name(isa));
      continue;
    }
    use_isa(isa);
    Bed<float> bed(options, 1, 5, 5);
    const double peak = measure_peak_gflops(1, false, isa) * 1e9;
    const Timing maml = time_row("maml", bed, 5), anil = time_row("anil", bed, 5);
    std::printf("%s, one thread, peak %.1f GFLOP/s\n", isa_name(isa), peak * 1e-9);
    for (const auto& [name, timing] : {std::pair{"maml", maml}, std::pair{"anil", anil}})
      std::printf("  %-5s %8.1f us a task   %6.2f MFLOP   %4.1f %% of peak\n", name, timing.seconds * 1e6,
                  timing.flops * 1e-6, 100 * timing.flops / timing.seconds / peak);
    std::printf("  anil is %.1f times faster (at least 4 wanted)\n", maml.seconds / anil.seconds);
    is_fast_enough = is_fast_enough && maml.seconds >= 4 * anil.seconds;
  }
  return is_fast_enough ? 0 : 1;
}
