#include "maml/io/fault.h"

#include "maml/base/error.h"

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>

namespace maml {

void fault_point(std::string_view name) {
  const char* setting = std::getenv("MAML_KILL_AT");
  if (setting == nullptr || *setting == '\0') return;
  const std::string_view text = setting;
  const auto colon = text.rfind(':');
  unsigned long count = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + (colon == text.npos ? text.size() : colon + 1), end, count);
  require(read.ec == std::errc() && read.ptr == end && count != 0 && colon != 0, "MAML_KILL_AT", "`", text,
          "` is not name:count, as in checkpoint.after_write:2 (unset it, or mend it)");
  static std::atomic<unsigned long> passes{0};
  if (text.substr(0, colon) == name && ++passes == count) std::raise(SIGKILL);
}

}  // namespace maml
