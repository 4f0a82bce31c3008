#include "maml/train/plots.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "maml/base/error.h"
#include "maml/train/trainer.h"
#include "tests/io/scratch_folder.h"
#include "tests/train/small_run.h"

using namespace maml;
using maml_test::ScratchFolder;

namespace {

Options small_options(const std::string& algorithm) {
  Options options = test::small_run();
  options.outer.algorithm = algorithm;
  options.train.iterations = 30;
  options.train.log_every = 1;
  options.train.validate_every = 10;
  return resolved(options);
}

std::string train_small(const ScratchFolder& scratch, const std::string& algorithm) {
  std::string path = scratch.file(algorithm);
  train(small_options(algorithm), RunFolder::create(path, small_options(algorithm)));
  return path;
}

const double nan_value = std::nan("");

}  // namespace

TEST_CASE("plots: smoothing keeps the length, the level and the ends, and leaves NaN out") {
  std::vector<double> values(500, 2.0);
  values[250] = nan_value;
  const auto level = smoothed(values);
  REQUIRE(level.size() == 500);
  for (const double value : level) CHECK(value == doctest::Approx(2));
  std::vector<double> spike(500, 0.0);
  spike[100] = 1;
  CHECK(smoothed(spike)[100] == doctest::Approx(1.0 / 21));
  CHECK(smoothed(spike)[111] == 0);
  CHECK(smoothed({}).empty());
  CHECK(smoothed({3})[0] == 3);
  CHECK(std::isnan(smoothed({nan_value})[0]));
}

TEST_CASE("plots: waves to show are large, and the same whatever the shots") {
  for (const int which : {0, 1}) {
    const Wave five = wave_to_show(0, 5, which), ten = wave_to_show(0, 10, which);
    CHECK(five.amplitude >= 2);
    CHECK(five.amplitude == ten.amplitude);
    CHECK(five.phase == ten.phase);
    CHECK(five.support_x.size() == 5);
  }
  CHECK(wave_to_show(0, 5, 0).amplitude != wave_to_show(0, 5, 1).amplitude);
}

TEST_CASE("plots: predictions begin with the model's own and go towards the support points") {
  Options options = small_options("maml");
  options.inner.alpha = RateTable(0.01);
  Experiment experiment(options);
  const Weights weights = experiment.initial();
  const LoadedModel loaded{experiment.options, std::move(experiment.model), weights};
  Wave wave = wave_to_show(0, 10, 0);
  wave.x = wave.support_x;
  const auto y = adapted_predictions(loaded, wave, {0, 1, 10});
  REQUIRE(y.size() == 3);
  std::vector<double> errors;
  for (const auto& prediction : y) {
    REQUIRE(prediction.size() == 10);
    double sum = 0;
    for (std::size_t i = 0; i < 10; ++i) sum += std::pow(prediction[i] - wave.support_y[i], 2);
    errors.push_back(sum);
  }
  CHECK(errors[1] < errors[0]);
  CHECK(errors[2] < errors[1]);
}

TEST_CASE("plots: with support statistics a prediction does not depend on the rest of the grid") {
  Options options = small_options("maml");
  options.model.layers = {"linear 8 init=he", "batch_norm", "tanh", "linear 1 init=he"};
  Experiment experiment(options);
  const Weights weights = experiment.initial();
  const LoadedModel loaded{experiment.options, std::move(experiment.model), weights};
  Wave wave = wave_to_show(0, 10, 0);
  const auto of = [&](Statistics statistics) { return adapted_predictions(loaded, wave, {0, 3}, statistics); };
  wave.x = {-1, 2, 4};
  const auto many = of(Statistics::support), together = of(Statistics::transductive);
  wave.x = {-1};
  const auto one = of(Statistics::support), alone = of(Statistics::transductive);
  REQUIRE(many[1].size() == 3);
  REQUIRE(one[1].size() == 1);
  CHECK(many[0][0] == one[0][0]);
  CHECK(many[1][0] == one[1][0]);
  CHECK(together[1][0] != alone[1][0]);
}

TEST_CASE("plots: a run's pictures, beside the baseline that lies next to it") {
  const ScratchFolder scratch;
  const std::string run = train_small(scratch, "maml");
  CHECK(sibling_run(run, "pretrained").empty());
  const std::string baseline = train_small(scratch, "pretrained");
  CHECK(sibling_run(run, "pretrained") == baseline);
  CHECK(sibling_run(run + "/", "pretrained") == baseline);
  CHECK(sibling_run(run + "/.", "pretrained") == baseline);

  const LoadedRun loaded = load_run(run);
  const Figure learning = learning_figure(loaded);
  REQUIRE(learning.curves.size() == 5);
  CHECK(learning.curves[0].y.size() == 30);
  CHECK(learning.curves[4].y.size() == 3);

  EvaluationSummary evaluation{{}, "8", "mse", {{0, 4.0, 0.5}, {1, 2.0, 0.25}}};
  const Figure steps = steps_figure({{"a", evaluation}, {"b", evaluation, true}}, {{1, 3.0}});
  REQUIRE(steps.curves.size() == 5);
  CHECK(steps.log_y);
  CHECK(steps.curves[0].low == std::vector<double>{3.5, 1.75});
  CHECK(steps.curves[3].y == std::vector<double>{4, 4});
  CHECK(steps.curves[4].label == "published");

  if (!gnuplot_available()) {
    MESSAGE("SKIPPED: gnuplot is not installed (apt install gnuplot-nox)");
    return;
  }
  const PlotSummary summary = plot_run(run, {.baseline = "", .tasks = 10, .threads = 1});
  CHECK(summary.baseline == baseline);
  CHECK(summary.files.size() == 3);
  for (const auto& file : summary.files)
    for (const char* extension : {".png", ".svg"}) CHECK(std::filesystem::file_size(file + extension) > 1000);
  CHECK_THROWS_WITH_AS(plot_run(scratch.file("nothing")), doctest::Contains("does not exist"), Error);
}
