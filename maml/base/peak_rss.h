#pragma once

namespace maml {

/// Largest resident size of this process so far, in MB (10^6 bytes); 0 where the system does not tell.
double peak_rss_mb();

}  // namespace maml
