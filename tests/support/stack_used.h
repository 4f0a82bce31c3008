#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <vector>

#include <pthread.h>

namespace maml::test {

/// How deep `work` goes: bytes of a thread's stack that it writes to, below its caller's. Of an optimised build without
/// sanitizers only does this say anything of a program's. `work` throws nothing.
inline std::size_t stack_used(const std::function<void()>& work) {
  struct Thread {
    const std::function<void()>* work;
    std::vector<std::byte> stack = std::vector<std::byte>(std::size_t{1} << 20);
    std::size_t used = 0;
  } thread{&work};

  const auto entry = [](void* argument) -> void* {
    auto& self = *static_cast<Thread*>(argument);
    // A byte that code seldom writes; the deepest that was written is found even where some others happen to be it.
    const std::byte untouched{0xa5};
    auto* const bottom = self.stack.data();
    auto* const here = static_cast<std::byte*>(__builtin_frame_address(0)) - 1024;  // memset's own frame and ours
    std::memset(bottom, static_cast<int>(untouched), static_cast<std::size_t>(here - bottom));
    (*self.work)();
    const auto* const deepest = std::find_if(bottom, here, [&](std::byte value) { return value != untouched; });
    self.used = static_cast<std::size_t>(here + 1024 - deepest);
    return nullptr;
  };

  pthread_attr_t attributes;
  pthread_t handle;
  if (pthread_attr_init(&attributes) != 0 ||
      pthread_attr_setstack(&attributes, thread.stack.data(), thread.stack.size()) != 0 ||
      pthread_create(&handle, &attributes, entry, &thread) != 0)
    throw std::runtime_error("no thread with a stack of its own");
  pthread_join(handle, nullptr);
  pthread_attr_destroy(&attributes);
  return thread.used;
}

}  // namespace maml::test
