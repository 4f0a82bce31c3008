#include "cli/interrupt.h"

#include <csignal>

namespace maml::cli {

namespace {

volatile std::sig_atomic_t stop = 0;

void ask_to_stop(int) {
  stop = 1;
}

void install(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESTART | (handler == SIG_DFL ? 0u : SA_RESETHAND));
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  stop = 0;
  install(ask_to_stop);
}

InterruptGuard::~InterruptGuard() {
  install(SIG_DFL);
}

bool InterruptGuard::asked_to_stop() {
  return stop != 0;
}

}  // namespace maml::cli
