#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

namespace maml {

/// A fixed set of threads that work through numbered items together. The calling thread is worker 0, so `Workers(1)`
/// starts no thread. One loop at a time, from one thread.
class Workers {
public:
  /// threads >= 1.
  explicit Workers(int threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int count() const { return static_cast<int>(threads_.size()) + 1; }

  /// Calls `body(worker, item)` once for every item in [0, items), each item on whichever worker is free, and returns
  /// when all are done. No allocation. An exception of a body is thrown here, the one of the lowest item first;
  /// items not yet begun are then left out.
  template <class Body> void each(std::size_t items, Body&& body) {
    run(
        items, [](void* context, int worker, std::size_t item) { (*static_cast<Body*>(context))(worker, item); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

private:
  using Call = void (*)(void* context, int worker, std::size_t item);
  void run(std::size_t items, Call call, void* context);
  void work(int worker);
  void loop(int worker);

  std::vector<std::thread> threads_;
  std::atomic<std::uint32_t> round_{0};
  std::atomic<int> busy_{0};
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stop_{false};
  std::size_t items_ = 0;
  Call call_ = nullptr;
  void* context_ = nullptr;
  struct Failure {
    std::exception_ptr error;
    std::size_t item = 0;
  };
  std::vector<Failure> failures_;  // one a worker
};

/// Number of processors this process may use.
int available_threads();

}  // namespace maml
