#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "maml/base/error.h"
#include "maml/diff/adaptation.h"
#include "maml/io/atomic_file.h"
#include "maml/io/safetensors.h"
#include "maml/train/adapt.h"
#include "maml/train/adapted_file.h"
#include "maml/train/flops.h"
#include "maml/train/inner_loop.h"
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

/// As the presets' networks, but narrow: strided with a global mean, or pooled. 80 steps of three pictures.
Options narrow_conv4(const std::string& file, bool pools) {
  Options options = small_image_run(file);
  options.model.input = {16, 16, 1};
  options.model.layers.clear();
  for (int block = 0; block < 4; ++block) {
    for (const char* layer : {pools ? "conv2d 16" : "conv2d 16 stride=2", "batch_norm gamma=false", "relu"})
      options.model.layers.emplace_back(layer);
    if (pools) options.model.layers.emplace_back("max_pool 2");
  }
  for (const char* layer : {pools ? "flatten" : "global_mean", "linear 3"}) options.model.layers.emplace_back(layer);
  options.inner.steps = 80;
  options.data.tasks = 3;
  options.train.iterations = 2;
  options.train.validate_every = 1;
  options.train.validation_tasks = 2;
  options.eval.tasks = 2;
  return options;
}

/// How an adaptation of the run spends a budget.
MemoryPlan plan_within(const Options& options, std::size_t budget) {
  const Experiment experiment(options);
  const auto episode =
      episode_options(*experiment.model, {}, experiment.options.inner, training_size(experiment.options.data));
  const auto shape = episode_shape(*experiment.model, *experiment.domain, episode);
  const InnerLoop<float> loop(*experiment.model, experiment.options.inner);
  AdaptationOptions adaptation;
  adaptation.steps = options.inner.steps;
  adaptation.support_rows = shape.support_rows;
  adaptation.query_rows = shape.query_rows;
  adaptation.budget = budget;
  return loop.adaptation(adaptation, shape.fixed_support)->memory();
}

/// What a run leaves that must not depend on threads, groups and memory.
std::vector<std::string> results_of(Options options, const std::string& folder, int threads, std::size_t memory_mib,
                                    std::size_t group) {
  options.train.threads = threads;
  options.train.memory_mib = memory_mib;
  options.train.group = group;
  const auto run = RunFolder::create(folder, resolved(options), true);
  train(options, run);
  std::vector<std::string> files;
  for (const auto& path : {run.checkpoint(), run.best(), run.metrics(), run.evaluation()})
    files.push_back(read_text_file(path));
  return files;
}

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

TEST_CASE("image run: its config says how pictures were prepared, as the pack does unless it was given") {
  const ScratchFolder scratch;
  SmallPack().write(scratch.file("small.maml"));
  Options options = small_image_run(scratch.file("small.maml"));
  CHECK(resolved(options).data.preparation.empty());
  const Options trained = require_trainable(options);
  CHECK(trained.data.preparation == "nearest");
  CHECK(digest(trained) == digest(resolved(options)));
  CHECK(to_toml(trained).find("preparation = \"nearest\"") != std::string::npos);
  options.data.preparation = "lanczos inverted";
  CHECK(Experiment(options).options.data.preparation == "lanczos inverted");
}

TEST_CASE("image run: what is learned from pictures of ImageNet says their terms, in every file of weights") {
  const ScratchFolder scratch;
  SmallPack pack;
  const auto licences = [&](const std::string& file) {
    pack.write(scratch.file(file));
    const Options options = require_trainable(small_image_run(scratch.file(file)));
    CHECK(digest(options) == digest(resolved(small_image_run(scratch.file(file)))));
    const auto folder = RunFolder::create(scratch.file("run"), options, true);
    train(options, folder);
    const LoadedRun run = load_run(folder.path());
    const SupportSet support{std::vector<float>(3 * 36), {0, 1, 2}};
    write_adapted(scratch.file("adapted.safetensors"), run, adapt(run, support), {"a", "b", "c"});
    std::vector<std::string> found;
    for (const auto& path : {folder.checkpoint(), folder.best(), scratch.file("adapted.safetensors")}) {
      const auto metadata = read_checked(path).metadata;
      found.push_back(metadata.count("licence") ? metadata.at("licence") : "");
    }
    return found;
  };
  CHECK((licences("other.maml") == std::vector<std::string>(3)));
  pack.about = "mini-ImageNet, by another name. " + std::string(imagenet_terms);
  CHECK((licences("renamed.maml") == std::vector<std::string>(3, imagenet_terms)));

  DataOptions earlier;
  earlier.file = "data/mini-imagenet.maml";
  CHECK(licence_of(earlier) == imagenet_terms);
  earlier.licence = "our own";
  CHECK(licence_of(earlier) == "our own");
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

TEST_CASE("image run: a damaged class that validation or testing may draw is found before training") {
  const ScratchFolder scratch;
  SmallPack pack;
  const std::string file = scratch.file("small.maml");
  pack.write(file);
  const std::string whole = maml_test::bytes_of(file);
  const auto damage = [&](std::size_t class_number) {
    std::string bytes = whole;
    bytes[pack_page + (class_number + 1) * pack.images * pack.height * pack.width - 1] ^= 1;
    maml_test::put_bytes(file, bytes);
  };
  Options options = small_image_run(file);
  // One task of few images meets none of these by chance.
  options.train.validation_tasks = options.eval.tasks = 1;
  damage(pack.train + pack.validation + pack.test - 1);
  CHECK(error_of([&] { require_trainable(options); }).find("is damaged: the images of class test6") !=
        std::string::npos);
  const auto folder = RunFolder::create(scratch.file("run"), resolved(options));
  CHECK(error_of([&] { train(options, folder); }).find("class test6") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.checkpoint()));
  damage(pack.train + 2);
  CHECK(error_of([&] { require_trainable(options); }).find("class validation2") != std::string::npos);
  options.train.validate_every = 0;
  CHECK_NOTHROW(require_trainable(options));
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
  CHECK_THROWS_AS(
      MetaBatch<float>(*experiment.model, *experiment.domain, meta_batch_options(experiment.options, 1, 4096)),
      BudgetError);
}

TEST_CASE("image run: the same bytes whether tapes are kept or recomputed, on one thread and on two") {
  const ScratchFolder scratch;
  SmallPack pack;
  pack.height = pack.width = 16;
  pack.write(scratch.file("small.maml"));
  constexpr std::size_t plenty = 64, lean = 2, lean_for_two = 4;
  for (const bool pools : {false, true})
    for (const std::string algorithm : {"maml", "fomaml", "anil"}) {
      INFO(algorithm, std::string(pools ? ", pooled" : ", strided"));
      Options options = narrow_conv4(scratch.file("small.maml"), pools);
      options.outer.algorithm = algorithm;
      if (algorithm == "anil") options.inner.adapt = {};
      if (algorithm == "maml") {
        options.inner.learned = "layer";
        const MemoryPlan all = plan_within(options, plenty << 20), few = plan_within(options, lean << 20);
        CHECK(all.tapes_kept == options.inner.steps);
        CHECK(all.stride == 1);
        CHECK(few.tapes_kept < 10);
        CHECK(few.stride > 1);
        const Experiment experiment(options);
        const MetaBatch<float> batch(*experiment.model, *experiment.domain,
                                     meta_batch_options(experiment.options, 2, lean_for_two << 20));
        CHECK(batch.workers() == 2);
        CHECK(batch.bytes() > lean << 20);
      }
      const std::string folder = scratch.file("run");
      const auto one = results_of(options, folder, 1, plenty, 1);
      CHECK((one == results_of(options, folder, 2, plenty, 1)));
      CHECK((one == results_of(options, folder, 1, lean, 1)));
      CHECK((one == results_of(options, folder, 2, lean_for_two, 1)));
      CHECK((one == results_of(options, folder, 2, plenty, 3)));
    }
}
