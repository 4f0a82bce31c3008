#include "maml/kernels/targets.h"

#include "maml/kernels/isa.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <string>

#include <hwy/targets.h>

#include "maml/base/error.h"

namespace maml {
namespace {

constexpr Isa all_isas[] = {Isa::baseline, Isa::avx2, Isa::avx512};

/// The Highway targets that a CPU running at `isa` may use.
std::int64_t targets_of(Isa isa) {
  std::int64_t targets = HWY_STATIC_TARGET;
#if HWY_ARCH_X86
  if (isa >= Isa::avx2) targets |= HWY_AVX2;
  if (isa >= Isa::avx512) targets |= HWY_AVX3;
#endif
  return targets;
}

/// What the CPU has, read before anything narrows it.
std::int64_t detected_targets() {
  static const std::int64_t targets = hwy::SupportedTargets();
  return targets;
}

std::mutex switching;
std::atomic<int> active{-1};

/// Call with `switching` held.
void steer(Isa isa) {
  detected_targets();
  hwy::SetSupportedTargetsForTest(targets_of(isa));
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  active.store(static_cast<int>(isa), std::memory_order_release);
}

void require_supported(Isa isa, const char* asked_by) {
  require(isa_supported(isa), "isa", asked_by, " asks for ", isa_name(isa), ", which this CPU or this build lacks");
}

Isa best_isa() {
  if (isa_supported(Isa::avx512)) return Isa::avx512;
  return isa_supported(Isa::avx2) ? Isa::avx2 : Isa::baseline;
}

Isa isa_from_environment() {
  const char* text = std::getenv("MAML_ISA");
  if (text == nullptr || *text == '\0') return best_isa();
  for (const Isa isa : all_isas) {
    if (std::string(text) != isa_name(isa)) continue;
    require_supported(isa, "MAML_ISA");
    return isa;
  }
  fail("isa", "MAML_ISA is '", text, "' (one of baseline, avx2, avx512)");
}

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
  case Isa::baseline:
    return "baseline";
  case Isa::avx2:
    return "avx2";
  case Isa::avx512:
    return "avx512";
  }
  return "unknown";
}

bool isa_supported(Isa isa) {
  if (isa == Isa::baseline) return true;
#if HWY_ARCH_X86
  const std::int64_t target = isa == Isa::avx2 ? HWY_AVX2 : HWY_AVX3;
  return (detected_targets() & target & (HWY_TARGETS)) != 0;
#else
  return false;
#endif
}

Isa active_isa() {
  const int now = active.load(std::memory_order_acquire);
  if (now >= 0) return static_cast<Isa>(now);
  const std::lock_guard lock(switching);
  if (active.load(std::memory_order_relaxed) < 0) steer(isa_from_environment());
  return static_cast<Isa>(active.load(std::memory_order_relaxed));
}

void use_isa(Isa isa) {
  require_supported(isa, "the caller");
  const std::lock_guard lock(switching);
  steer(isa);
}

bool detail::steer_dispatch() noexcept {
  try {
    active_isa();
  } catch (const Error&) {
    // active_isa() throws it again where somebody can hear it.
  }
  return true;
}

}  // namespace maml
