#include "maml/base/peak_rss.h"

#include <fstream>
#include <sstream>
#include <string>

namespace maml {

double peak_rss_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) != 0) continue;
    std::istringstream text(line.substr(6));
    double kibibytes = 0;
    text >> kibibytes;
    return kibibytes * 1024 / 1e6;
  }
  return 0;
}

}  // namespace maml
