#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/train/bench.h"
#include "maml/train/evaluation.h"
#include "maml/train/flops.h"
#include "maml/train/inner_loop.h"
#include "tests/io/scratch_folder.h"
#include "tests/train/small_run.h"

using namespace maml;
using test::error_of;
using test::small_run;

TEST_CASE("evaluation: mean and interval over the tasks, after every step") {
  const Experiment experiment(small_run());
  const Weights weights = experiment.initial();
  Protocol own{.tasks = 7, .steps = 4, .seed = 3};
  const auto summary = evaluate(experiment, weights, own, {.threads = 1});
  CHECK(summary.metric == "mse");
  CHECK(summary.width == "8");
  CHECK(summary.protocol.tasks == 7);
  CHECK(summary.protocol.ways == 1);
  CHECK(summary.protocol.shots == 5);
  CHECK(summary.protocol.query_shots == 5);
  CHECK(!summary.protocol.statistics);
  CHECK(summary.steps.size() == 5);

  const InnerLoop<float> loop(*experiment.model, experiment.options.inner);
  AdaptationOptions adaptation_options;
  adaptation_options.steps = 4;
  adaptation_options.support_rows = adaptation_options.query_rows = 5;
  const auto adaptation = loop.adaptation(adaptation_options, true);
  EpisodeOptions episode;
  episode.shots = episode.query_shots = 5;
  const auto task = experiment.domain->group<float>(1, episode);
  std::vector<double> values;
  for (std::uint32_t i = 0; i < 7; ++i) {
    task->draw({3, Purpose::test_task, 0, i});
    adaptation->run(weights.parameters.data(), *task);
    float loss = 0, metric = 0;
    adaptation->query(4, &loss, &metric, nullptr);
    values.push_back(static_cast<double>(metric));
  }
  double mean = 0, variance = 0;
  for (const double value : values) mean += value / 7;
  for (const double value : values) variance += (value - mean) * (value - mean) / 7;
  CHECK(summary.steps[4].mean == doctest::Approx(mean).epsilon(1e-12));
  CHECK(summary.steps[4].ci95 == doctest::Approx(1.96 * std::sqrt(variance / 7)).epsilon(1e-12));

  CHECK(to_json(evaluate(experiment, weights, own, {.threads = 3})) == to_json(summary));
  own.split = "validation";
  CHECK(evaluate(experiment, weights, own).steps[0].mean != summary.steps[0].mean);
  own.split = "tset";
  CHECK(error_of([&] { evaluate(experiment, weights, own); }) ==
        "[split] unknown value 'tset' (known: test, validation)");
}

TEST_CASE("evaluation: its tick is called before every inner step and query, and may end it") {
  const Experiment experiment(small_run());
  const Weights weights = experiment.initial();
  const Protocol own{.tasks = 7, .steps = 1};
  int ticks = 0;
  const auto ticked = evaluate(experiment, weights, own, {.threads = 1, .tick = [&] { ++ticks; }});
  CHECK(ticks == 7 * (1 + 2));
  CHECK(to_json(ticked) == to_json(evaluate(experiment, weights, own, {.threads = 1})));
  ticks = 0;
  const auto third = [&] { require(++ticks < 3, "tick", "is the third"); };
  CHECK(error_of([&] { evaluate(experiment, weights, own, {.threads = 1, .tick = third}); }) == "[tick] is the third");
  CHECK(ticks == 3);
}

TEST_CASE("evaluation: other shots and rates; steps beyond the trained use the last step's rates") {
  Options run = small_run();
  run.inner.learned = "layer-step";
  const Experiment experiment(run);
  Weights weights = experiment.initial();
  Protocol options{.tasks = 5, .steps = 3};
  const auto trained = evaluate(experiment, weights, options);
  options.shots = 9;
  CHECK(evaluate(experiment, weights, options).steps[0].mean != trained.steps[0].mean);
  options.shots = 0;
  options.alpha = 0.02;
  const auto faster = evaluate(experiment, weights, options);
  CHECK(faster.steps[0].mean == trained.steps[0].mean);
  CHECK(faster.steps[1].mean != trained.steps[1].mean);

  // Rates zero at the last trained step: nothing moves after it.
  options.alpha = 0;
  std::fill(weights.rates.begin() + static_cast<std::ptrdiff_t>(weights.rates.size() / 2), weights.rates.end(), 0.f);
  const auto still = evaluate(experiment, weights, options);
  CHECK(still.steps[1].mean == trained.steps[1].mean);
  CHECK(still.steps[2].mean == still.steps[1].mean);
  CHECK(still.steps[3].mean == still.steps[1].mean);
}

TEST_CASE("evaluation: JSON and back") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EvaluationSummary summary{
      {.name = "strict", .tasks = 5000, .ways = 5, .shots = 1, .query_shots = 15, .statistics = Statistics::support},
      "64",
      "accuracy",
      {{0, 1.0 / 3, 0.1}, {1, nan, nan}}};
  CHECK(to_json(summary).find("\"metric\": \"accuracy\"") != std::string::npos);
  const auto back = parse_evaluations(to_json(std::vector{summary}), "eval.json");
  REQUIRE(back.size() == 1);
  CHECK(to_json(back[0]) == to_json(summary));
  CHECK(back[0].steps[0].mean == 1.0 / 3);
  CHECK(std::isnan(back[0].steps[1].mean));
  CHECK(error_of([] { parse_evaluations("{}", "eval.json"); }).find("[eval.json] holds no evaluations (remove it): ") ==
        0);

  // A file of them keeps one of each protocol.
  const maml_test::ScratchFolder folder;
  const std::string path = folder.file("eval.json");
  save_evaluation(path, summary);
  summary.protocol.name = "paper";
  save_evaluation(path, summary);
  summary.steps.pop_back();
  save_evaluation(path, summary);
  const auto saved = parse_evaluations(read_text_file(path), path);
  REQUIRE(saved.size() == 2);
  CHECK(saved[0].protocol.name == "strict");
  CHECK(saved[0].steps.size() == 2);
  CHECK(saved[1].steps.size() == 1);
}

TEST_CASE("evaluation: the protocols of the literature, by name") {
  Options options = small_run();
  options.data.shots = options.data.query_shots = 5;
  options.data.test_shots = 2;
  options.eval.seed = 7;
  const Protocol own = protocol("own", options), paper = protocol("paper", options),
                 strict = protocol("strict", options), reached = protocol("reached", options);
  CHECK(own.tasks == 10);
  CHECK(own.query_shots == 2);
  CHECK(!own.statistics);
  CHECK(paper.tasks == 600);
  CHECK(paper.shots == 2);
  CHECK(paper.query_shots == 2);
  CHECK(paper.statistics == Statistics::transductive);
  CHECK(strict.tasks == 5000);
  CHECK(strict.query_shots == 15);
  CHECK(strict.statistics == Statistics::support);
  CHECK(strict.seed == 7);
  CHECK(reached.tasks == 10000);
  CHECK(reached.query_shots == 2);
  CHECK(reached.seed != 7);
  CHECK(error_of([&] { protocol("papr", options); }) ==
        "[protocol] unknown 'papr'; did you mean paper? (known: own, validation, paper, strict, reached)");
}

TEST_CASE("evaluation: support statistics of a model trained with those of the batch, without training again") {
  Options options = small_run();
  options.model.layers = {"linear 8 init=he", "batch_norm", "relu", "linear 1 init=he"};
  const Experiment transductive(options);
  options.model.layers[1] = "batch_norm mode=support";
  const Experiment support(options);
  const Weights weights = transductive.initial();
  Protocol own{.tasks = 5, .steps = 2};
  const auto trained = evaluate(transductive, weights, own);
  CHECK(trained.protocol.statistics == Statistics::transductive);
  own.statistics = Statistics::support;
  const auto asked = evaluate(transductive, weights, own);
  CHECK(asked.protocol.statistics == Statistics::support);
  CHECK(asked.steps[2].mean != trained.steps[2].mean);
  own.statistics = {};
  CHECK(to_json(evaluate(support, weights, own)) == to_json(asked));
  own.statistics = Statistics::running;
  CHECK(error_of([&] { evaluate(transductive, weights, own); }) ==
        "[norm1] keeps no running statistics (train it with mode=running, or ask for another mode)");
}

TEST_CASE("bench: counts the products of the sinusoid by hand") {
  Options options = small_run();
  options.model.layers = {"linear 40", "relu", "linear 40", "relu", "linear 1"};
  options.inner.steps = 1;
  options.data.shots = 10;
  options.data.tasks = 25;
  // A row: forward, weights and inputs 3 x 1680, less the first layer's input; H v twice that less what is null.
  const double gradient = 3 * 1680 - 40, product = 6 * 1640 + 2 * 40;
  CHECK(meta_iteration_flops(Experiment(options)) == 2 * 25 * 10 * (2 * gradient + product));
  options.outer.algorithm = "fomaml";
  CHECK(meta_iteration_flops(Experiment(options)) == 2 * 25 * 10 * 2 * gradient);
  options.outer.algorithm = "pretrained";
  CHECK(meta_iteration_flops(Experiment(options)) == 2 * 25 * 10 * gradient);
  options.outer.algorithm = "reptile";
  CHECK(meta_iteration_flops(Experiment(options)) == 2 * 25 * 10 * (gradient + 1680));
  options.outer.algorithm = "anil";
  options.inner.steps = 5;
  // The front (1640) runs forward and back once for support and query; the head (40) is adapted five times.
  const double front = 2 * 1640 + 2 * (2 * 1640 - 40), head_gradient = 2 * 40, head_product = 40 + (40 + 2 * 40);
  CHECK(meta_iteration_flops(Experiment(options)) ==
        2 * 25 * 10 * (front + 5 * (head_gradient + head_product) + 3 * 40));
}

TEST_CASE("bench: measures and writes what it promises") {
  const auto summary = bench(small_run(), "small", 1, 0.02);
  CHECK(summary.seconds_per_iteration > 0);
  CHECK(summary.peak_gflops > 0);
  CHECK(summary.peak_fraction > 0);
  CHECK(summary.peak_fraction < 1);
  CHECK(summary.peak_rss_mb > 1);
  const std::string json = to_json(summary);
  for (const char* key : {"workload", "threads", "workers", "isa", "seconds_per_iteration", "gflops", "peak_gflops",
                          "peak_fraction", "peak_rss_mb"})
    CHECK(json.find("\"" + std::string(key) + "\": ") != std::string::npos);
  CHECK(summary.workers == 1);
  CHECK_FALSE(summary.is_short_of_memory);
}

TEST_CASE("bench: says how many threads the memory budget lets work") {
  Options options = small_run();
  options.model.layers = {"linear 64", "relu", "linear 64", "relu", "linear 1"};
  options.data.tasks = 8;
  options.train.group = 1;
  options.train.memory_mib = 1;
  const auto summary = bench(options, "small", 8, 0.02);
  CHECK(summary.is_short_of_memory);
  CHECK(summary.threads == 8);
  CHECK(summary.workers >= 1);
  CHECK(summary.workers < 8);
}
