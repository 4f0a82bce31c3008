#pragma once

#include <atomic>

#include "maml/base/error.h"

namespace maml::python {

/// Of what one call at a time may use, though the GIL is released meanwhile.
class OneUser {
public:
  /// The use by one call. Throws Error where there is another; name: stands for what is used.
  class Claim {
  public:
    Claim(OneUser& of, const char* name) : of_(of) {
      require(!of_.is_in_use_.exchange(true), name,
              "is in use by another call, of another thread or that this one is made from (wait until it ends)");
    }
    ~Claim() { of_.is_in_use_ = false; }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

  private:
    OneUser& of_;
  };

private:
  std::atomic<bool> is_in_use_{false};
};

}  // namespace maml::python
