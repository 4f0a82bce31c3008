#pragma once

/// 1 where a sanitizer watches memory: it brings its own operator new and deeper stacks, and neither says anything of a
/// program's.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAML_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MAML_SANITIZED 1
#endif
#endif
#ifndef MAML_SANITIZED
#define MAML_SANITIZED 0
#endif
