#include "maml/train/reproduce.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include <filesystem>

#include "maml/base/error.h"
#include "maml/io/gnuplot.h"
#include "tests/io/scratch_folder.h"

using namespace maml;
using maml_test::bytes_of;
using maml_test::put_bytes;
using maml_test::ScratchFolder;

namespace {

/// The nine presets, small.
void put_presets(const std::string& folder) {
  std::filesystem::create_directories(folder);
  for (const int shots : {5, 10, 20})
    for (const std::string algorithm : {"maml", "pretrained", "oracle"})
      put_bytes(folder + "/sinusoid-" + std::to_string(shots) + "shot" + (algorithm == "maml" ? "" : "-" + algorithm) +
                    ".toml",
                "[about]\npublished = [[1, 0.5]]\n[model]\nlayers = [\"linear 4\", \"relu\", \"linear 1\"]\n[outer]\n"
                "algorithm = \"" +
                    algorithm + "\"\n[data]\ntasks = 2\nshots = " + std::to_string(shots) +
                    "\n[train]\niterations = 40\nvalidation_tasks = 4\n[eval]\ntasks = 4\nsteps = 2\n");
}

/// While it lives, presets come from this folder alone.
struct PresetsFrom {
  explicit PresetsFrom(const std::string& folder) { ::setenv("MAML_PRESETS", folder.c_str(), 1); }
  ~PresetsFrom() { ::unsetenv("MAML_PRESETS"); }
};

}  // namespace

TEST_CASE("reproduce: nine presets over seeds, a page and figures; what is there is not trained again") {
  if (!gnuplot_available()) {
    MESSAGE("SKIPPED: gnuplot is not installed (apt install gnuplot-nox)");
    return;
  }
  const ScratchFolder scratch;
  put_presets(scratch.file("presets"));
  ReproduceOptions options;
  options.seeds = {0, 3};
  options.quick = true;
  options.out = scratch.file("docs");
  options.runs = scratch.file("runs");
  options.threads = 1;
  const PresetsFrom presets(scratch.file("presets"));

  int trained = 0, asked = 0;
  Callbacks callbacks;
  callbacks.progress = [&](const Progress& progress) { trained += progress.iteration == progress.iterations; };
  callbacks.stop = [&] { return ++asked == 5; };
  const auto stopped = reproduce_sinusoid(options, callbacks);
  CHECK(stopped.stopped);
  CHECK_FALSE(std::filesystem::exists(options.out + "/results.md"));

  callbacks.stop = {};
  const auto summary = reproduce_sinusoid(options, callbacks);
  CHECK_FALSE(summary.stopped);
  REQUIRE(summary.presets.size() == 9);
  CHECK(trained == 18);
  for (const auto& preset : summary.presets) {
    REQUIRE(preset.evaluations.size() == 2);
    CHECK(preset.evaluations[0].protocol.tasks == 1000);
    CHECK(preset.evaluations[0].steps.size() == 3);
  }
  const std::string page = bytes_of(options.out + "/results.md");
  CHECK(page.find(bytes_of(options.out + "/results/sinusoid.md")) != std::string::npos);
  CHECK(page.find("### 20 shots") != std::string::npos);
  CHECK(page.find("| 1 |") != std::string::npos);
  CHECK(page.find("| 0.5 |") != std::string::npos);
  CHECK(std::filesystem::exists(options.out + "/figures/sinusoid.png"));
  CHECK(std::filesystem::exists(options.out + "/figures/sinusoid-steps.svg"));

  trained = 0;
  const auto again = reproduce_sinusoid(options, callbacks);
  CHECK(trained == 0);
  CHECK(again.presets[0].evaluations[1].steps[1].mean == summary.presets[0].evaluations[1].steps[1].mean);
  CHECK(bytes_of(options.out + "/results.md") == page);

  put_presets(scratch.file("presets"));
  put_bytes(scratch.file("presets/sinusoid-5shot.toml"), "[model]\nlayers = [\"linear 3\", \"relu\", \"linear 1\"]\n");
  CHECK_THROWS_WITH_AS(reproduce_sinusoid(options, callbacks), doctest::Contains("other settings"), Error);
}
