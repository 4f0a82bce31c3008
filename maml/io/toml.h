// The TOML library. Whoever parses TOML includes it through this header: its settings must be the same everywhere in a
// program (its functions are inline, and the linker keeps one copy of each).
#pragma once

// toml++ 3.3 asserts (in release: assumes) some of what it reports as an error right after; the error is what we want.
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(expr) static_cast<void>(0)
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")
