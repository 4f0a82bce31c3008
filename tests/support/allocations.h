#pragma once

#include <cstddef>

// Sanitizers bring their own operator new, which stays theirs.
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

namespace maml_test {

/// Allocations of the test program so far. Only where MAML_COUNTS_ALLOCATIONS.
std::size_t allocations();

}  // namespace maml_test
