#include "maml/train/evaluation.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/base/workers.h"
#include "maml/train/protocol_tasks.h"

namespace maml {

namespace {

/// The widths of hidden layers, each once where they are all the same.
std::string width_of(const Model& model) {
  std::vector<std::size_t> filters, units;
  for (std::size_t i = 0; i < model.layer_count(); ++i) {
    const auto& info = model.layer(i).info();
    if (info.products_per_row > 0) (info.output.is_image() ? filters : units).push_back(info.output.channels());
  }
  if (!units.empty()) units.pop_back();  // the outputs
  const auto& widths = filters.empty() ? units : filters;
  if (widths.empty()) return "";
  std::string text = std::to_string(widths.front());
  if (std::count(widths.begin(), widths.end(), widths.front()) == static_cast<std::ptrdiff_t>(widths.size()))
    return text;
  for (std::size_t i = 1; i < widths.size(); ++i) text += "-" + std::to_string(widths[i]);
  return text;
}

/// Metrics of every task, steps + 1 a task.
std::vector<float> measure(const Experiment& experiment, const Weights& weights, const Protocol& protocol,
                           const EvaluationOptions& options) {
  const ProtocolTasks tasks(experiment, weights, protocol);
  std::vector<ProtocolTasks::Hand> hands;
  const auto wanted = static_cast<std::size_t>(options.threads > 0 ? options.threads : available_threads());
  // Where the budget does not do for all threads, fewer work.
  for (std::size_t count = std::min(wanted, protocol.tasks); hands.empty(); --count) {
    try {
      std::generate_n(std::back_inserter(hands), count,
                      [&] { return tasks.hand(options.budget / count, false, options.tick); });
    } catch (const BudgetError&) {
      if (count == 1) throw;
      hands.clear();
    }
  }
  Workers workers(static_cast<int>(hands.size()));

  const auto columns = static_cast<std::size_t>(protocol.steps) + 1;
  std::vector<float> metrics(protocol.tasks * columns);
  workers.each(protocol.tasks, [&](int worker, std::size_t task) {
    ProtocolTasks::Hand& hand = hands[static_cast<std::size_t>(worker)];
    hand.task->prefetch(tasks.draw(std::min(task + hands.size(), protocol.tasks - 1)));
    tasks.adapt(hand, task);
    float loss = 0;
    for (int k = 0; k <= protocol.steps; ++k)
      hand.adaptation->query(k, &loss, &metrics[task * columns + static_cast<std::size_t>(k)], nullptr);
  });
  return metrics;
}

}  // namespace

std::vector<std::string> protocol_names() {
  return {"own", "validation", "paper", "strict", "reached"};
}

Protocol protocol(const std::string& name, const Options& options) {
  const auto names = protocol_names();
  require(std::find(names.begin(), names.end(), name) != names.end(), "protocol", "unknown '", name, "'",
          did_you_mean(name, names), " (known: ", join(names), ")");
  Protocol result;
  result.name = name;
  result.tasks = options.eval.tasks;
  result.steps = options.eval.steps;
  result.seed = options.eval.seed;
  const TaskSize size = test_size(options.data);
  result.ways = size.ways;
  result.shots = size.shots;
  result.query_shots = size.query_shots;
  if (name == "own") return result;
  if (name == "validation") {
    result.tasks = 1000;
    result.split = "validation";
    return result;
  }
  const bool is_strict = name == "strict";
  result.tasks = is_strict ? 5000 : name == "paper" ? 600 : 10000;
  result.query_shots = is_strict ? 15 : size.shots;
  result.statistics = is_strict ? Statistics::support : Statistics::transductive;
  if (name == "reached") result.seed = fresh_tasks_seed;
  return result;
}

EvaluationSummary evaluate(const Experiment& experiment, const Weights& weights, const Protocol& given,
                           const EvaluationOptions& options) {
  EvaluationSummary summary;
  summary.protocol = completed(given, experiment);
  summary.width = width_of(*experiment.model);
  summary.metric = experiment.model->loss().metric();
  const auto metrics = measure(experiment, weights, summary.protocol, options);
  const auto columns = static_cast<std::size_t>(given.steps) + 1;
  const double n = static_cast<double>(given.tasks);
  for (std::size_t k = 0; k < columns; ++k) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < given.tasks; ++i) sum += static_cast<double>(metrics[i * columns + k]);
    const double mean = sum / n;
    for (std::size_t i = 0; i < given.tasks; ++i) {
      const double distance = static_cast<double>(metrics[i * columns + k]) - mean;
      squares += distance * distance;
    }
    summary.steps.push_back({static_cast<int>(k), mean, 1.96 * std::sqrt(squares / n) / std::sqrt(n)});
  }
  return summary;
}

EvaluationSummary evaluate(const LoadedModel& loaded, const Protocol& protocol, const EvaluationOptions& options) {
  return evaluate(Experiment(loaded.options), loaded.weights, protocol, options);
}

bool lower_is_better(const std::string& metric) {
  return metric != "accuracy" && metric != "return";
}

double shown_factor(const std::string& metric) {
  return metric == "accuracy" ? 100 : 1;
}

std::string shown_name(const std::string& metric) {
  return metric == "accuracy" ? "accuracy, %" : metric;
}

}  // namespace maml
