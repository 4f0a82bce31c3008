#include "maml/train/evaluation.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include <nlohmann/json.hpp>

#include "maml/base/error.h"
#include "maml/base/workers.h"
#include "maml/train/inner_loop.h"

namespace maml {

namespace {

/// Metrics of every task, steps + 1 a task.
std::vector<float> measure(const Experiment& experiment, const Weights& weights, const EvaluationOptions& options) {
  const Model& model = *experiment.model;
  const DataOptions& data = experiment.options.data;
  EpisodeOptions episode;
  episode.ways = data.ways;
  episode.shots = options.shots ? options.shots : data.shots;
  episode.query_shots = data.query_shots == data.shots ? episode.shots : data.query_shots;
  episode.inner_batch = experiment.options.inner.batch;
  episode.inner_steps = std::max(options.steps, 1);
  episode.couple_query = model.couples_query({});
  const EpisodeShape shape = episode_shape(model, *experiment.domain, episode);

  const InnerLoop<float> loop(model, experiment.options.inner, Mode{.evaluating = true}, weights.state.data());
  std::vector<float> rates = weights.rates;
  if (options.alpha != 0) std::fill(rates.begin(), rates.end(), static_cast<float>(options.alpha));
  AdaptationOptions adaptation;
  adaptation.steps = options.steps;
  adaptation.support_rows = shape.support_rows;
  adaptation.query_rows = shape.query_rows;
  adaptation.second_order = false;
  struct Hand {
    std::unique_ptr<TaskGroup<float>> task;
    std::unique_ptr<Adaptation<float>> adaptation;
  };
  std::vector<Hand> hands;
  const auto wanted = static_cast<std::size_t>(options.threads > 0 ? options.threads : available_threads());
  // Where the budget does not do for all threads, fewer work.
  for (std::size_t count = std::min(wanted, options.tasks); hands.empty(); --count) {
    adaptation.budget = options.budget / count;
    try {
      std::generate_n(std::back_inserter(hands), count, [&] {
        return Hand{experiment.domain->group<float>(1, episode), loop.adaptation(adaptation, shape.fixed_support)};
      });
    } catch (const BudgetError&) {
      if (count == 1) throw;
      hands.clear();
    }
  }
  for (auto& hand : hands) hand.adaptation->set_rates(rates.data());
  Workers workers(static_cast<int>(hands.size()));

  const Purpose purpose = options.split == "test" ? Purpose::test_task : Purpose::validation_task;
  const auto columns = static_cast<std::size_t>(options.steps) + 1;
  std::vector<float> metrics(options.tasks * columns);
  workers.each(options.tasks, [&](int worker, std::size_t task) {
    Hand& hand = hands[static_cast<std::size_t>(worker)];
    hand.task->draw({options.seed, purpose, 0, static_cast<std::uint32_t>(task)});
    hand.adaptation->run(weights.parameters.data(), *hand.task);
    float loss = 0;
    for (int k = 0; k <= options.steps; ++k)
      hand.adaptation->query(k, &loss, &metrics[task * columns + static_cast<std::size_t>(k)], nullptr);
  });
  return metrics;
}

}  // namespace

EvaluationSummary evaluate(const Experiment& experiment, const Weights& weights, const EvaluationOptions& options) {
  require(options.tasks >= 1 && options.tasks <= std::numeric_limits<std::uint32_t>::max(), "eval.tasks", "is ",
          options.tasks, ", but must be from 1 to 4294967295");
  require(options.steps >= 0, "eval.steps", "is ", options.steps, ", but must be 0 or above");
  require(std::isfinite(options.alpha), "alpha", "is not finite");
  require(options.split == "test" || options.split == "validation", "split", "unknown value '", options.split,
          "' (known: test, validation)");
  const auto metrics = measure(experiment, weights, options);
  EvaluationSummary summary;
  summary.metric = experiment.model->loss().metric();
  summary.tasks = options.tasks;
  const auto columns = static_cast<std::size_t>(options.steps) + 1;
  const double n = static_cast<double>(options.tasks);
  for (std::size_t k = 0; k < columns; ++k) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < options.tasks; ++i) sum += static_cast<double>(metrics[i * columns + k]);
    const double mean = sum / n;
    for (std::size_t i = 0; i < options.tasks; ++i) {
      const double distance = static_cast<double>(metrics[i * columns + k]) - mean;
      squares += distance * distance;
    }
    summary.steps.push_back({static_cast<int>(k), mean, 1.96 * std::sqrt(squares / n) / std::sqrt(n)});
  }
  return summary;
}

bool lower_is_better(const std::string& metric) {
  return metric != "accuracy" && metric != "return";
}

std::string to_json(const EvaluationSummary& summary) {
  using Json = nlohmann::ordered_json;
  Json steps = Json::array();
  for (const auto& step : summary.steps)
    steps.push_back(Json{{"step", step.step}, {"mean", step.mean}, {"ci95", step.ci95}});
  return Json{{"metric", summary.metric}, {"tasks", summary.tasks}, {"steps", steps}}.dump(2) + "\n";
}

EvaluationSummary parse_evaluation(const std::string& json, const std::string& name) {
  // What was not finite is null in JSON.
  const auto number = [](const nlohmann::json& value) {
    return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
  };
  try {
    const auto object = nlohmann::json::parse(json);
    EvaluationSummary summary{object.at("metric").get<std::string>(), object.at("tasks").get<std::size_t>(), {}};
    for (const auto& step : object.at("steps"))
      summary.steps.push_back({step.at("step").get<int>(), number(step.at("mean")), number(step.at("ci95"))});
    return summary;
  } catch (const nlohmann::json::exception& error) {
    fail(name, "is no evaluation: ", error.what());
  }
}

}  // namespace maml
