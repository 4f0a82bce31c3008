#include "maml/base/aligned.h"

#include <cstdint>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace maml {

void prefer_large_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef __linux__
  constexpr std::uintptr_t large = 2u << 20;
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t first = (begin + large - 1) / large * large, last = (begin + bytes) / large * large;
  // Only a wish: what comes of it is not looked at. NOLINTNEXTLINE(performance-no-int-to-ptr)
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

}  // namespace maml
