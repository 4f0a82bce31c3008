#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "maml/kernels/peak.cpp"
#include "maml/kernels/targets.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// Runs `steps` multiply-adds on each of twelve vectors, enough to hide their latency, and returns the FLOPs spent.
/// The chains start apart, or the compiler would run one for all.
template <class T> double chains_of(std::size_t steps, double* result) {
  const hn::ScalableTag<T> d;
  const auto factor = hn::Set(d, T(0.999)), term = hn::Set(d, T(0.001));
  auto v0 = hn::Set(d, T(0.50)), v1 = hn::Set(d, T(0.51)), v2 = hn::Set(d, T(0.52)), v3 = hn::Set(d, T(0.53));
  auto v4 = hn::Set(d, T(0.54)), v5 = hn::Set(d, T(0.55)), v6 = hn::Set(d, T(0.56)), v7 = hn::Set(d, T(0.57));
  auto v8 = hn::Set(d, T(0.58)), v9 = hn::Set(d, T(0.59)), v10 = hn::Set(d, T(0.60)), v11 = hn::Set(d, T(0.61));
  for (std::size_t i = 0; i < steps; ++i) {
    v0 = hn::MulAdd(v0, factor, term), v1 = hn::MulAdd(v1, factor, term), v2 = hn::MulAdd(v2, factor, term);
    v3 = hn::MulAdd(v3, factor, term), v4 = hn::MulAdd(v4, factor, term), v5 = hn::MulAdd(v5, factor, term);
    v6 = hn::MulAdd(v6, factor, term), v7 = hn::MulAdd(v7, factor, term), v8 = hn::MulAdd(v8, factor, term);
    v9 = hn::MulAdd(v9, factor, term), v10 = hn::MulAdd(v10, factor, term), v11 = hn::MulAdd(v11, factor, term);
  }
  const auto low = hn::Add(hn::Add(v0, v1), hn::Add(hn::Add(v2, v3), hn::Add(v4, v5)));
  const auto high = hn::Add(hn::Add(v6, v7), hn::Add(hn::Add(v8, v9), hn::Add(v10, v11)));
  *result = static_cast<double>(hn::GetLane(hn::Add(low, high)));
  return 12.0 * 2.0 * static_cast<double>(HWY_LANES(T)) * static_cast<double>(steps);
}

}  // namespace

double chains_float(std::size_t steps, double* result) {
  return chains_of<float>(steps, result);
}
double chains_double(std::size_t steps, double* result) {
  return chains_of<double>(steps, result);
}

}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "maml/base/error.h"
#include "maml/kernels/peak.h"

namespace maml {
namespace {

HWY_EXPORT(chains_float);
HWY_EXPORT(chains_double);

using Chains = double (*)(std::size_t, double*);

/// The function compiled for `isa`, whatever is active.
Chains chains_for(Isa isa, bool double_precision) {
  std::int64_t targets = HWY_STATIC_TARGET;
#if HWY_ARCH_X86
  if (isa == Isa::avx2) targets = HWY_AVX2;
  if (isa == Isa::avx512) targets = HWY_AVX3;
#endif
  hwy::ChosenTarget chosen;
  chosen.Update(targets);
  return double_precision ? HWY_DISPATCH_TABLE(chains_double)[chosen.GetIndex()]
                          : HWY_DISPATCH_TABLE(chains_float)[chosen.GetIndex()];
}

using Clock = std::chrono::steady_clock;

double seconds(Clock::duration span) {
  return std::chrono::duration<double>(span).count();
}

/// GFLOP/s of all threads from the moment they all stand ready to the moment the last is done.
double run_together(Chains chains, int threads, std::size_t steps) {
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
  std::vector<double> flops(static_cast<std::size_t>(threads)), results(flops.size());
  std::vector<std::thread> team;
  for (std::size_t t = 0; t < flops.size(); ++t) {
    team.emplace_back([&, t] {
      ready.fetch_add(1);
      while (!go.load(std::memory_order_acquire)) std::this_thread::yield();
      flops[t] = chains(steps, &results[t]);
    });
  }
  while (ready.load() < threads) std::this_thread::yield();
  const auto start = Clock::now();
  go.store(true, std::memory_order_release);
  for (std::thread& thread : team) thread.join();
  const double span = seconds(Clock::now() - start);
  double sum = 0;
  for (const double f : flops) sum += f;
  return sum / span * 1e-9;
}

}  // namespace

double measure_peak_gflops(int threads, bool double_precision, Isa isa) {
  require(threads >= 1, "peak", "needs at least one thread, not ", threads);
  require(isa_supported(isa), "peak", "this CPU lacks ", isa_name(isa));
  const Chains chains = chains_for(isa, double_precision);
  constexpr std::size_t trial = 200000;
  double result = 0;
  chains(trial, &result);  // wakes the wide units
  const auto start = Clock::now();
  chains(trial, &result);
  const double trial_span = std::max(1e-6, seconds(Clock::now() - start));
  const auto steps = static_cast<std::size_t>(static_cast<double>(trial) * std::max(1.0, 0.02 / trial_span));
  double best = 0;
  for (int round = 0; round < 5; ++round) best = std::max(best, run_together(chains, threads, steps));
  return best;
}

}  // namespace maml

#endif  // HWY_ONCE
