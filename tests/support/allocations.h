#pragma once

#include <cstddef>

#include "tests/support/sanitized.h"

namespace maml_test {

/// Allocations of the test program so far. Only where not MAML_SANITIZED.
std::size_t allocations();

}  // namespace maml_test
