#include "maml/train/plots_images.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "maml/base/error.h"
#include "maml/io/gnuplot.h"
#include "maml/train/plots.h"
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

/// The protocol `own` of 30 tasks after so many steps.
Protocol thirty_tasks(const Experiment& experiment, int steps) {
  Protocol own = protocol("own", experiment.options);
  own.tasks = 30;
  own.steps = steps;
  return completed(own, experiment);
}

LoadedModel untrained(const Options& options) {
  Experiment experiment(options);
  Weights weights = experiment.initial();
  return {experiment.options, std::move(experiment.model), std::move(weights)};
}

}  // namespace

TEST_CASE("image plots: judged tasks are those of the evaluation, and so is their accuracy") {
  const ScratchFolder scratch;
  SmallPack().write(scratch.file("small.maml"));
  Options maml = small_image_run(scratch.file("small.maml"));
  maml.inner.alpha = RateTable(0.3);
  Options coupled = maml, anil = maml, reptile = maml, fewer = maml;
  coupled.model.layers[1] = "batch_norm gamma=false mode=support";
  anil.outer.algorithm = "anil";
  reptile.outer.algorithm = "reptile";
  reptile.data.shots = 4;
  reptile.inner.batch = 2;
  fewer.data.test_ways = 2;
  for (const Options& options : {maml, coupled, anil, reptile, fewer}) {
    const Experiment experiment(options);
    const Weights weights = experiment.initial();
    const Protocol own = thirty_tasks(experiment, 2);
    TaskJudge judge(experiment, weights, own);
    double share = 0;
    for (std::size_t number = 0; number < own.tasks; ++number) {
      const JudgedTask task = judge(number);
      CHECK(task.number == number);
      REQUIRE(task.support.size() == own.ways * own.shots);
      REQUIRE(task.query.size() == own.ways * own.query_shots);
      REQUIRE(task.predicted.size() == task.query.size());
      share += static_cast<double>(task.right()) / static_cast<double>(task.query.size());
      for (const double probability : task.confidence) CHECK((probability > 0.33 && probability <= 1));
      // Byte 0 of an image tells its class: test classes come last in a SmallPack.
      for (const auto* pictures : {&task.support, &task.query})
        for (std::size_t row = 0; row < pictures->size(); ++row) {
          const std::size_t number_of_class = ((*pictures)[row].pixels[0] - 5) / 11;
          CHECK(task.classes[row % own.ways] == "test" + std::to_string(number_of_class - 14));
        }
    }
    CHECK(share / 30 == doctest::Approx(evaluate(experiment, weights, own, {.threads = 1}).steps[2].mean));
  }
}

TEST_CASE("image plots: what is not a number is no class") {
  const ScratchFolder scratch;
  SmallPack().write(scratch.file("small.maml"));
  const Experiment experiment(small_image_run(scratch.file("small.maml")));
  Weights weights = experiment.initial();
  weights.parameters.back() = std::nanf("");
  const Protocol own = thirty_tasks(experiment, 0);
  const JudgedTask task = TaskJudge(experiment, weights, own)(0);
  CHECK(task.right() == 0);
  for (const auto predicted : task.predicted) CHECK(predicted >= task.ways);
  for (const double probability : task.confidence) CHECK(probability == 0);
}

TEST_CASE("image plots: the tasks shown are the first, the last of them giving way to show both kinds") {
  const ScratchFolder scratch;
  SmallPack().write(scratch.file("small.maml"));
  const Experiment experiment(small_image_run(scratch.file("small.maml")));
  const Weights weights = experiment.initial();
  TaskJudge judge(experiment, weights, thirty_tasks(experiment, 1));
  for (std::size_t count = 1; count <= 3; ++count) {
    const auto shown = tasks_to_show(judge, count);
    REQUIRE(shown.size() == count);
    std::size_t right = 0, queries = 0;
    for (std::size_t i = 0; i < count; ++i) {
      right += shown[i].right();
      queries += shown[i].query.size();
      if (i + 1 < count) CHECK(shown[i].number == i);
    }
    CHECK(right > 0);
    CHECK(right < queries);
    if (shown.back().number == count - 1) continue;
    // None between would have done.
    for (std::size_t number = count - 1; number < shown.back().number; ++number) {
      const JudgedTask passed = judge(number);
      CHECK((passed.right() == 0 || passed.right() == passed.query.size()));
    }
  }
}

TEST_CASE("image plots: a gallery frames what is right and what is wrong, and says what it was taken for") {
  const ScratchFolder scratch;
  SmallPack().write(scratch.file("small.maml"));
  const LoadedModel loaded = untrained(small_image_run(scratch.file("small.maml")));
  const auto board = gallery_board(loaded);
  REQUIRE(board);
  // Four tasks side by side, of 3 classes, 1 support and 2 query images each.
  REQUIRE(board->rows.size() == 12);
  std::size_t green = 0, vermilion = 0;
  for (std::size_t i = 0; i < board->rows.size(); ++i) {
    const auto& row = board->rows[i];
    CHECK(row.begins_column == (i % 3 == 0));
    CHECK(row.label.starts_with(std::to_string(i % 3 + 1) + ": test"));
    REQUIRE(row.pictures.size() == 3);
    CHECK_FALSE(row.pictures[0].frame);
    for (std::size_t q = 1; q < 3; ++q) {
      REQUIRE(row.pictures[q].frame);
      const bool is_right = *row.pictures[q].frame == palette::green;
      (is_right ? green : vermilion) += 1;
      CHECK(row.pictures[q].caption.starts_with("as ") != is_right);
      CHECK(row.pictures[q].caption.ends_with(" %"));
      if (!is_right) CHECK(row.pictures[q].caption[3] != std::to_string(i % 3 + 1)[0]);
    }
  }
  CHECK(green > 0);
  CHECK(vermilion > 0);
  CHECK(board->note.find(std::to_string(green) + " of 24 query images right") != std::string::npos);
  CHECK_FALSE(gallery_board(untrained(test::small_run())));
}

TEST_CASE("image plots: a gallery of many classes has columns of ten, of twenty at most") {
  const ScratchFolder scratch;
  SmallPack pack;
  pack.train = pack.validation = pack.test = 23;
  pack.write(scratch.file("small.maml"));
  Options options = small_image_run(scratch.file("small.maml"));
  options.data.ways = 22;
  options.model.layers.back() = "linear 22";
  const auto board = gallery_board(untrained(options));
  REQUIRE(board);
  REQUIRE(board->rows.size() == 40);  // of two tasks
  for (std::size_t i = 0; i < 40; ++i) CHECK(board->rows[i].begins_column == (i % 10 == 0));
  CHECK(board->rows[10].heading.ends_with(", from class 11"));
  CHECK(board->rows[20].heading.ends_with(" of 44 right"));
  CHECK(board->note.find("20 of 22 classes") != std::string::npos);
}

TEST_CASE("image plots: filters are the first layer's weights around zero") {
  const ScratchFolder scratch;
  SmallPack grey, colour;
  colour.channels = 3;
  grey.write(scratch.file("grey.maml"));
  colour.write(scratch.file("colour.maml"));

  const auto convolution = filters_board(untrained(small_image_run(scratch.file("grey.maml"))));
  REQUIRE(convolution);
  REQUIRE(convolution->rows.size() == 1);
  CHECK(convolution->rows[0].pictures.size() == 4);
  CHECK(convolution->rows[0].pictures[0].height == 3);
  CHECK(convolution->note.find("All 4 filters of conv") != std::string::npos);

  // One weight of unit 1 of the image at row 2, column 4: below zero for grey, of the second channel for colours.
  for (const bool has_colour : {false, true}) {
    Options options = small_image_run(scratch.file(has_colour ? "colour.maml" : "grey.maml"));
    const std::size_t channels = has_colour ? 3 : 1, units = 70;
    options.model.input = {6, 6, channels};
    options.model.layers = {"flatten", "linear 70", "relu", "linear 3"};
    options.inner.adapt = {};
    LoadedModel loaded = untrained(options);
    auto tensors = loaded.model->to_border(loaded.weights.parameters.data());
    REQUIRE(tensors[0].shape == std::vector<std::size_t>{units, 36 * channels});
    std::fill(tensors[0].values.begin(), tensors[0].values.end(), 0.0);
    // Enough at full strength that half a percent of the weights are.
    for (std::size_t unit = 10; unit < 60; ++unit) tensors[0].values[unit * 36 * channels] = 0.5;
    const std::size_t channel = has_colour ? 1 : 0;
    tensors[0].values[36 * channels + channel * 36 + 2 * 6 + 4] = has_colour ? 0.25 : -0.5;
    loaded.weights.parameters = loaded.model->from_border<float>(tensors);
    const auto board = filters_board(loaded);
    REQUIRE(board);
    REQUIRE(board->rows.size() == 8);
    CHECK(board->note.find("The first 64 of 70 units of linear1") != std::string::npos);
    CHECK(board->note.find("full colour from 0.5 on") != std::string::npos);
    const BoardPicture& picture = board->rows[0].pictures[1];
    REQUIRE(picture.pixels.size() == 108);
    const std::vector<int> paper = has_colour ? std::vector<int>{128, 128, 128} : std::vector<int>{255, 255, 255};
    const std::vector<int> lit = has_colour ? std::vector<int>{128, 191, 128} : std::vector<int>{0x00, 0x72, 0xB2};
    for (std::size_t pixel = 0; pixel < 36; ++pixel)
      for (std::size_t c = 0; c < 3; ++c) CHECK(picture.pixels[3 * pixel + c] == (pixel == 16 ? lit : paper)[c]);
  }
  CHECK_FALSE(filters_board(untrained(test::small_run())));
}

TEST_CASE("image plots: a run's pictures, also of one that is packed") {
  const ScratchFolder scratch;
  SmallPack().write(scratch.file("small.maml"));
  Options options = small_image_run(scratch.file("small.maml"));
  options.about.published = {{1, 40}, {3, 60}};
  options.train.log_every = 1;
  options = resolved(options);
  const std::string run = scratch.file("run");
  train(options, RunFolder::create(run, options));

  const Figure learning = learning_figure(load_run(run));
  CHECK(learning.curves.back().label == "published, 3 steps");  // trained at 2, which nobody published
  CHECK(learning.curves.back().y == std::vector<double>{60, 60});
  if (!gnuplot_available()) {
    MESSAGE("SKIPPED: gnuplot is not installed (apt install gnuplot-nox)");
    return;
  }
  const PlotSummary summary = plot_run(run, {.baseline = "", .tasks = 10, .threads = 1});
  CHECK(summary.left_out.empty());
  REQUIRE(summary.files.size() == 4);
  const char* names[] = {"learning", "steps", "gallery", "filters"};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(summary.files[i] == run + "/plots/" + names[i]);
    for (const char* extension : {".png", ".svg"})
      CHECK(std::filesystem::file_size(summary.files[i] + extension) > 1000);
  }

  const std::string packed = scratch.file("packed");
  std::filesystem::create_directory(packed);
  std::filesystem::copy(run + "/config.toml", packed + "/config.toml");
  std::filesystem::copy(run + "/checkpoint.safetensors", packed + "/parameters.safetensors");
  CHECK(error_of([&] { plot_run(packed); }) ==
        "[" + packed + "] was packed for keeping, so nothing is written there (name a folder with --out)");
  const PlotSummary kept =
      plot_run(packed, {.baseline = "", .tasks = 10, .threads = 1, .out = scratch.file("pictures")});
  CHECK(kept.files.size() == 3);
  REQUIRE(kept.left_out.size() == 1);
  CHECK(kept.left_out[0].starts_with("learning: "));
  CHECK_FALSE(std::filesystem::exists(packed + "/plots"));
}
