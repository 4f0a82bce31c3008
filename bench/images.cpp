// The meta-gradient of the image networks, on random pictures: time a task on one thread, fraction of the peak.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include "maml/algorithms/algorithm.h"
#include "maml/kernels/isa.h"
#include "maml/kernels/peak.h"
#include "maml/nn/work.h"
#include "tests/support/bed.h"
#include "tests/support/production_models.h"

using namespace maml;
using namespace maml::test;

int main(int argc, char** argv) {
  const std::string only = argc > 1 ? argv[1] : "", isas = argc > 2 ? argv[2] : "";
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (!isa_supported(isa) || (!isas.empty() && isas != isa_name(isa))) continue;
    use_isa(isa);
    double peak = measure_peak_gflops(1, false, isa) * 1e9;
    for (const ProductionModel& c : production_models()) {
      if (std::string(c.name).find(only) == std::string::npos) continue;
      Bed<float> bed(c.model, 1, c.support_rows, c.query_rows);
      const auto layout = bed.layout({"*", "!norm*"});
      const auto objective = make_objective<float>(bed.model, Mode{});
      Adaptation<float> adaptation({objective.get(), objective.get(), bed.rule.get(), &layout, nullptr},
                                   bed.options(c.steps));
      const float alpha = 0.01f;
      adaptation.set_rates(&alpha);
      MetaGradient<float> out(1, bed.model.parameters(), 0);
      double best = 1e9;
      for (int repeat = 0; repeat < (c.support_rows + c.query_rows > 10 ? 6 : 60); ++repeat) {
        const auto start = std::chrono::steady_clock::now();
        algorithm("maml")(adaptation, bed.task, {bed.theta.data(), {}}, out);
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      }
      peak = std::max(peak, measure_peak_gflops(1, false, isa) * 1e9);
      WorkOptions work;
      work.inner_steps = c.steps;
      work.support_rows = c.support_rows;
      work.query_rows = c.query_rows;
      work.mask = layout.mask();
      const double flops = meta_gradient_flops(bed.model, work);
      std::printf("%-7s %-26s %9.2f ms a task %9.2f MFLOP  %4.1f %% of peak (%.1f), %zu MiB\n", isa_name(isa), c.name,
                  best * 1e3, flops * 1e-6, 100 * flops / best / peak, peak * 1e-9, adaptation.memory().bytes >> 20);
    }
  }
}
