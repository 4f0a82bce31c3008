#pragma once

#include <cstdint>
#include <string>

#include "maml/train/experiment.h"

namespace maml {

struct BenchSummary {
  std::string workload;
  int threads = 0;
  int workers = 0;  ///< threads that had work: fewer where there are no more groups of tasks, or for want of memory
  bool is_short_of_memory = false;
  std::string isa;
  double seconds_per_iteration = 0;  ///< sampling, reduction and outer update included; the best of twenty rounds
  double gflops = 0;
  double peak_gflops = 0;  ///< measured in the same run
  double peak_fraction = 0;
  double peak_rss_mb = 0;
};

/// Times meta-iterations of a config for about `seconds`, after a warm-up, on so many threads (0: all).
BenchSummary bench(const Options&, const std::string& workload, int threads, double seconds = 2);

/// Makes `count` of the meta-iterations that `bench` times, and nothing else: for a program that counts what they do.
void make_iterations(const Options&, int threads, std::int64_t count);

/// One object with the members' names as keys, with a final line break.
std::string to_json(const BenchSummary&);

}  // namespace maml
