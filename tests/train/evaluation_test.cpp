#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "maml/base/error.h"
#include "maml/train/bench.h"
#include "maml/train/evaluation.h"
#include "maml/train/inner_loop.h"
#include "tests/train/small_run.h"

using namespace maml;
using test::error_of;
using test::small_run;

TEST_CASE("evaluation: mean and interval over the tasks, after every step") {
  const Experiment experiment(small_run());
  const Weights weights = experiment.initial();
  EvaluationOptions options;
  options.tasks = 7;
  options.steps = 4;
  options.seed = 3;
  options.threads = 1;
  const auto summary = evaluate(experiment, weights, options);
  CHECK(summary.metric == "mse");
  CHECK(summary.tasks == 7);
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

  options.threads = 3;
  CHECK(to_json(evaluate(experiment, weights, options)) == to_json(summary));
  options.split = "validation";
  CHECK(to_json(evaluate(experiment, weights, options)) != to_json(summary));
  options.split = "tset";
  CHECK(error_of([&] { evaluate(experiment, weights, options); }) ==
        "[split] unknown value 'tset' (known: test, validation)");
}

TEST_CASE("evaluation: other shots and rates; steps beyond the trained use the last step's rates") {
  Options run = small_run();
  run.inner.learned = "layer-step";
  const Experiment experiment(run);
  Weights weights = experiment.initial();
  EvaluationOptions options;
  options.tasks = 5;
  options.steps = 3;
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
  const EvaluationSummary summary{"mse", 600, {{0, 1.0 / 3, 0.1}, {1, nan, nan}}};
  const std::string json = to_json(summary);
  CHECK(json.find("\"metric\": \"mse\"") != std::string::npos);
  const auto back = parse_evaluation(json, "eval.json");
  CHECK(back.steps[0].mean == 1.0 / 3);
  CHECK(std::isnan(back.steps[1].mean));
  CHECK(error_of([] { parse_evaluation("{}", "eval.json"); }).find("[eval.json] is no evaluation: ") == 0);
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
  for (const char* key :
       {"workload", "threads", "isa", "seconds_per_iteration", "gflops", "peak_gflops", "peak_fraction", "peak_rss_mb"})
    CHECK(json.find("\"" + std::string(key) + "\": ") != std::string::npos);
}
