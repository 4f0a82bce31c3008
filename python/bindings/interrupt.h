#pragma once

#include <nanobind/nanobind.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <thread>

namespace maml::python {

namespace nb = nanobind;

/// Ctrl-C for calls of the engine without the GIL, as the tick of their adaptations. The calling thread lets Python's
/// signal handlers run, and throws what they raise; the call's other threads then throw it too. The GIL is asked for
/// every 20 ms alone: another thread may hold it a while.
class Interrupt {
public:
  Interrupt() { begin(); }

  /// A new call, from this thread.
  void begin() {
    caller_ = std::this_thread::get_id();
    checked_ = Clock::now();
    is_raised_ = false;
    raised_ = nullptr;
  }

  void operator()() {
    if (is_raised_.load(std::memory_order_acquire)) std::rethrow_exception(raised_);
    if (std::this_thread::get_id() != caller_ || Clock::now() - checked_ < std::chrono::milliseconds(20)) return;
    try {
      nb::gil_scoped_acquire gil;
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
    } catch (...) {
      raised_ = std::current_exception();
      is_raised_.store(true, std::memory_order_release);
      throw;
    }
    checked_ = Clock::now();
  }

private:
  using Clock = std::chrono::steady_clock;

  std::thread::id caller_;
  Clock::time_point checked_;
  std::atomic<bool> is_raised_{false};
  std::exception_ptr raised_;  // once is_raised_
};

}  // namespace maml::python
