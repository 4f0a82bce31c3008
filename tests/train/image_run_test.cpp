#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "maml/base/error.h"
#include "maml/diff/adaptation.h"
#include "maml/io/atomic_file.h"
#include "maml/train/bench.h"
#include "maml/train/meta_batch.h"
#include "maml/train/trainer.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/packs.h"
#include "tests/train/small_run.h"

using namespace maml;
using maml_test::ScratchFolder;
using maml_test::SmallPack;
using test::error_of;
using test::small_image_run;

namespace {

/// While it lives, data files are looked for in this folder too.
struct DataIn {
  explicit DataIn(const std::string& folder) { ::setenv("MAML_DATA", folder.c_str(), 1); }
  ~DataIn() { ::unsetenv("MAML_DATA"); }
};

}  // namespace

TEST_CASE("image run: trained, then evaluated by both protocols, then loaded without its data") {
  const ScratchFolder scratch;
  SmallPack pack;
  pack.images = 20;
  pack.write(scratch.file("small.maml"));
  const DataIn data(scratch.file(""));
  const Options options = resolved(small_image_run("small.maml"));
  CHECK(options.data.file == "small.maml");
  const auto folder = RunFolder::create(scratch.file("run"), options);
  const auto summary = train(options, folder);
  CHECK(summary.metric == "accuracy");
  REQUIRE(summary.evaluation);
  CHECK(summary.evaluation->protocol.query_shots == 2);
  CHECK(summary.evaluation->protocol.statistics == Statistics::transductive);
  CHECK(summary.evaluation->width == "4");

  const LoadedRun run = load_run(folder.path());
  Protocol paper = protocol("paper", run.options), strict = protocol("strict", run.options);
  paper.tasks = strict.tasks = 20;
  for (const auto& how : {paper, strict}) {
    const auto evaluation = evaluate(run, how, {.threads = 1});
    CHECK(evaluation.protocol.query_shots == (how.name == "paper" ? 1 : 15));
    CHECK(evaluation.protocol.statistics == how.statistics);
    CHECK(to_json(evaluate(run, how, {.threads = 3})) == to_json(evaluation));
    for (const auto& step : evaluation.steps) CHECK((step.mean >= 0 && step.mean <= 1));
  }
  // Other ways and shots than in training.
  paper.ways = 2;
  paper.shots = paper.query_shots = 4;
  CHECK(evaluate(run, paper).protocol.ways == 2);
  paper.ways = 4;
  CHECK(error_of([&] { evaluate(run, paper); }) ==
        "[data.ways] is 4, but the model tells 3 classes apart (change the size of the last layer)");
  strict.shots = 9;
  CHECK(error_of([&] { evaluate(run, strict); }).find("test") != std::string::npos);

  std::filesystem::remove(scratch.file("small.maml"));
  const LoadedRun again = load_run(folder.path());
  CHECK(again.weights.parameters == run.weights.parameters);
  const std::string error = error_of([&] { evaluate(again, paper); });
  CHECK(error.find("[data.file] there is no small.maml, " + scratch.file("small.maml") + " (make it with maml data") ==
        0);
}

TEST_CASE("image run: testing may have other ways and shots, and is checked before training") {
  const ScratchFolder scratch;
  SmallPack().write(scratch.file("small.maml"));
  Options options = small_image_run(scratch.file("small.maml"));
  options.data.test_ways = 2;
  options.data.test_shots = 4;
  CHECK(protocol("own", resolved(options)).shots == 4);
  CHECK(protocol("paper", resolved(options)).query_shots == 4);
  CHECK_NOTHROW(require_trainable(options));
  options.data.test_shots = 8;
  CHECK(error_of([&] { require_trainable(options); }).find("validation") != std::string::npos);
  options.data.test_shots = 0;
  options.data.ways = 9;
  options.data.test_ways = 3;
  options.model.layers.back() = "linear 9";
  CHECK(error_of([&] { require_trainable(options); }).find("train") != std::string::npos);
}

TEST_CASE("image run: the tasks' own memory counts in the budget") {
  const ScratchFolder scratch;
  SmallPack().write(scratch.file("small.maml"));
  const Experiment experiment(small_image_run(scratch.file("small.maml")));
  const auto episode =
      episode_options(*experiment.model, {}, experiment.options.inner, training_size(experiment.options.data));
  const auto shape = episode_shape(*experiment.model, *experiment.domain, episode);
  CHECK(shape.support_rows == 3);
  CHECK(shape.query_rows == 6);
  CHECK(shape.bytes >= 9 * 36 * sizeof(float));
  CHECK(meta_iteration_flops(experiment) > 0);
  CHECK_THROWS_AS(MetaBatch<float>(*experiment.model, *experiment.domain, meta_batch_options(experiment, 1, 4096)),
                  BudgetError);
}
