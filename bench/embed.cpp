// How long does maml_adapt take to adapt? The sinusoid's model in less than 20 us, Omniglot's (5-way 1-shot, 3 steps)
// at half of one core's peak.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "maml/export/embed.h"
#include "maml/kernels/isa.h"
#include "maml/kernels/peak.h"
#include "maml/nn/work.h"
#include "tests/embed/embedded.h"

using namespace maml;
using namespace maml::test;

namespace {

struct Timing {
  double seconds, flops;
  std::size_t arena;
};

Timing time_adapting(const char* name, const std::vector<float>& labels, int steps) {
  const LoadedModel model = untrained(preset(name));
  const SupportSet support = support_of(model, labels);
  Embedded embedded(format_embed(model), labels.size(), labels.size());
  double best = 1e9;
  for (int repeat = 0; repeat < 200; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    if (embedded.run(support, labels.size(), steps) != MAML_ADAPT_OK) std::abort();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  WorkOptions work;
  work.inner_steps = steps;
  work.support_rows = labels.size();
  work.second_order = false;
  work.query_gradients = 0;
  return {best, meta_gradient_flops(*model.model, work), embedded.arena_bytes()};
}

}  // namespace

int main() {
  bool is_fast_enough = true;
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (!isa_supported(isa)) {
      std::printf("SKIPPED %s: this CPU lacks it\n", isa_name(isa));
      continue;
    }
    setenv("MAML_ISA", isa_name(isa), 1);  // maml_adapt reads it when a context is made
    const double peak = measure_peak_gflops(1, false, isa) * 1e9;
    const std::vector<float> wave(10), ways = {0, 1, 2, 3, 4};
    const Timing sinusoid = time_adapting("sinusoid-10shot", wave, 1);
    const Timing omniglot = time_adapting("omniglot-5way-1shot", ways, 3);
    const Timing mlp = time_adapting("omniglot-mlp-5way-1shot", ways, 3);
    std::printf("%s, one thread, peak %.1f GFLOP/s\n", isa_name(isa), peak * 1e-9);
    for (const auto& [name, timing] :
         {std::pair{"sinusoid-10shot", sinusoid}, std::pair{"omniglot-5way-1shot", omniglot},
          std::pair{"omniglot-mlp-5way-1shot", mlp}})
      std::printf("  %-24s %8.1f us   %7.2f MFLOP   %4.1f %% of peak   arena %8.1f KiB\n", name, timing.seconds * 1e6,
                  timing.flops * 1e-6, 100 * timing.flops / timing.seconds / peak,
                  static_cast<double>(timing.arena) / 1024);
    is_fast_enough = is_fast_enough && sinusoid.seconds < 20e-6 && omniglot.flops / omniglot.seconds > peak / 2;
  }
  std::printf("%s\n", is_fast_enough ? "fast enough" : "TOO SLOW");
  return is_fast_enough ? 0 : 1;
}
