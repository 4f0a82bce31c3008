#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

#include "maml/base/error.h"
#include "maml/train/experiment.h"
#include "maml/train/meta_batch.h"
#include "maml/train/outer.h"
#include "tests/train/small_run.h"

// This file counts all allocations of the test program. Sanitizers bring their own operator new, which stays theirs.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAML_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MAML_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef MAML_COUNTS_ALLOCATIONS
#define MAML_COUNTS_ALLOCATIONS 1
#endif

#if MAML_COUNTS_ALLOCATIONS

namespace {

std::atomic<std::size_t> allocations{0};

void* counted(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size ? size : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}

void* counted(std::size_t size, std::align_val_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const auto to = static_cast<std::size_t>(alignment);
  void* memory = std::aligned_alloc(to, (size + to - 1) / to * to);
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  return counted(size);
}
void* operator new[](std::size_t size) {
  return counted(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return counted(size, alignment);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

TEST_CASE("steady state: after the first, a meta-iteration allocates nothing") {
  using namespace maml;
  const std::size_t before = allocations;
  const auto proof = std::make_unique<int>(1);
  CHECK(allocations > before);

  for (const char* algorithm : {"maml", "fomaml", "anil", "reptile", "meta_sgd", "pretrained"}) {
    for (const int threads : {1, 2}) {
      INFO(algorithm, " on ", threads);
      Options options = test::small_run();
      options.outer.algorithm = algorithm;
      options.outer.clip = 10;
      options.outer.clip_norm = 100;
      options.train.group = 2;
      if (options.outer.algorithm == "reptile") options.inner.batch = 2;
      if (options.outer.algorithm == "fomaml") options.inner.step_weights = {0.1, 0.2, 0.7};
      const Experiment experiment(options);
      auto weights = experiment.initial();
      MetaBatch<float> batch(*experiment.model, *experiment.domain,
                             meta_batch_options(experiment, threads, std::size_t{8} << 20));
      OuterOptimiser<float> outer(experiment.options.outer, weights.parameters.size());
      OuterOptimiser<float> rates(experiment.options.outer, batch.learns_rates() ? weights.rates.size() : 0);
      std::size_t start = 0;
      for (std::uint32_t i = 0; i < 20; ++i) {
        if (i == 1) start = allocations;
        auto& result = batch.gradient(weights.parameters.data(), weights.rates.data(), nullptr, i);
        outer.step(weights.parameters.data(), result.gradient.data());
        if (batch.learns_rates()) rates.step(weights.rates.data(), result.d_rates.data());
      }
      CHECK(allocations - start == 0);
    }
  }
}

#endif
