#include "maml/train/bench.h"

#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>

#include "cli/common.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/base/workers.h"

namespace maml::cli {

namespace {

struct Arguments {
  std::string what;
  std::vector<std::string> set;
  std::optional<int> threads;
  double seconds = 2;
  std::optional<std::int64_t> iterations;
  bool json = false;
};

int run(const Arguments& a) {
  require(!a.what.empty(), "bench", "name a preset or a TOML file (maml presets lists what there is)");
  require(!a.threads || *a.threads >= 0, "--threads", "must be 0 (all processors) or above");
  require(a.seconds > 0 && a.seconds <= 3600, "--seconds", "must be above 0 and at most 3600");
  Options options = named_options(a.what);
  for (const auto& assignment : a.set) set_option(options, assignment);
  if (a.iterations) {
    make_iterations(options, a.threads.value_or(0), *a.iterations);
    return 0;
  }
  const std::string name = short_name(a.what);
  if (a.json) {
    std::cout << to_json(bench(options, name, a.threads.value_or(0), a.seconds));
    return 0;
  }
  std::vector<int> counts = {a.threads.value_or(1)};
  if (!a.threads && available_threads() > 1) counts.push_back(available_threads());
  Table table({"workload", "threads", "instructions", "us an iteration", "GFLOP/s", "peak", "of peak", "peak RSS MB"});
  std::string notices;
  for (const int threads : counts) {
    const BenchSummary s = bench(options, name, threads, a.seconds);
    table.add({s.workload, std::to_string(s.threads), s.isa, short_number(s.seconds_per_iteration * 1e6),
               short_number(s.gflops), short_number(s.peak_gflops), percent(s.peak_fraction),
               short_number(s.peak_rss_mb)});
    if (s.is_short_of_memory)
      notices += "The memory budget let only " + std::to_string(s.workers) + " of " + std::to_string(s.threads) +
                 " threads work (raise train.memory_mib).\n";
  }
  table.print(std::cout, "");
  std::cout
      << (notices.empty() ? "" : "\n") << notices
      << "\nAn iteration includes sampling, reduction and the outer update; the peak is that of multiply-add chains\n"
         "measured in this run. docs/performance.md says what is counted.\n";
  return 0;
}

}  // namespace

void add_bench(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand("bench", "Times meta-iterations against this machine's measured peak");
  const auto a = std::make_shared<Arguments>();
  verb->add_option("what", a->what, "A preset or a TOML file")->type_name("PRESET|FILE.toml");
  verb->add_option("--threads", a->threads, "0: all [one row with 1 and one with all]")->type_name("N");
  verb->add_option("--set", a->set, "Sets a key, as often as you like")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  auto* seconds =
      verb->add_option("--seconds", a->seconds, "How long, about, for each row")->type_name("S")->capture_default_str();
  auto* json = verb->add_flag("--json", a->json, "Prints one JSON object, for --threads or else all processors");
  verb->add_option("--iterations", a->iterations, "Only makes so many, untimed: for perf or valgrind to look at")
      ->type_name("N")
      ->excludes(seconds)
      ->excludes(json);
  verb->footer("Examples:\n  maml bench sinusoid-10shot\n  maml bench sinusoid-10shot --threads 2 --json\n"
               "  MAML_ISA=avx2 maml bench sinusoid-10shot --set inner.steps=5");
  verb->callback([a, &chosen] { chosen = [a] { return run(*a); }; });
}

}  // namespace maml::cli
