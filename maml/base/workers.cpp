#include "maml/base/workers.h"

#include <algorithm>
#include <cassert>

#if defined(__linux__)
#include <sched.h>
#endif

namespace maml {

namespace {

// A meta-iteration can be shorter than a thread's wake-up, so both sides look a while before they sleep.
constexpr int spins_before_sleep = 4000;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

template <class Value> void wait_while(std::atomic<Value>& value, Value old) {
  for (int i = 0; i < spins_before_sleep; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

Workers::Workers(int threads) : failures_(static_cast<std::size_t>(std::max(threads, 1))) {
  assert(threads >= 1);
  for (int i = 1; i < threads; ++i) threads_.emplace_back([this, i] { loop(i); });
}

Workers::~Workers() {
  stop_ = true;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Workers::work(int worker) {
  for (;;) {
    const std::size_t item = next_.fetch_add(1, std::memory_order_relaxed);
    if (item >= items_) return;
    try {
      call_(context_, worker, item);
    } catch (...) {
      failures_[static_cast<std::size_t>(worker)] = {std::current_exception(), item};
      next_.store(items_, std::memory_order_relaxed);
      return;
    }
  }
}

void Workers::loop(int worker) {
  std::uint32_t seen = 0;
  for (;;) {
    wait_while(round_, seen);
    const std::uint32_t now = round_.load(std::memory_order_acquire);
    if (now == seen) continue;
    seen = now;
    if (stop_) return;
    work(worker);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
  }
}

void Workers::run(std::size_t items, Call call, void* context) {
  items_ = items;
  call_ = call;
  context_ = context;
  next_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<int>(threads_.size()), std::memory_order_relaxed);
  if (!threads_.empty()) {
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }
  work(0);
  for (int left = busy_.load(std::memory_order_acquire); left != 0; left = busy_.load(std::memory_order_acquire))
    wait_while(busy_, left);

  Failure* first = nullptr;
  for (auto& failure : failures_)
    if (failure.error && (!first || failure.item < first->item)) first = &failure;
  if (!first) return;
  const auto error = first->error;
  for (auto& failure : failures_) failure = {};
  std::rethrow_exception(error);
}

int available_threads() {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace maml
