#pragma once

namespace maml::cli {

/// While one lives, the first Ctrl-C (SIGINT) or SIGTERM asks the program to stop at the next good moment; a second one
/// ends it at once. One at a time.
class InterruptGuard {
public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool asked_to_stop();
};

}  // namespace maml::cli
