#include "cli/train_report.h"

#include <algorithm>
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/text.h"
#include "maml/kernels/isa.h"
#include "maml/train/spread.h"

namespace maml::cli {

namespace {

using Json = nlohmann::ordered_json;

std::string published_at(const std::vector<Published>& published, int step) {
  for (const auto& entry : published)
    if (entry.step == step) return plain_number(entry.value);
  return "";
}

std::vector<EvaluationSummary> evaluations_of(const std::vector<TrainedRun>& runs) {
  std::vector<EvaluationSummary> evaluations;
  for (const auto& run : runs)
    if (run.summary.evaluation) evaluations.push_back(*run.summary.evaluation);
  return evaluations;
}

Json run_json(const TrainedRun& run) {
  Json object = {{"run", run.path},
                 {"iteration", run.summary.iteration},
                 {"stopped", run.summary.stopped},
                 {"seconds", run.summary.seconds},
                 {"isa", isa_name(active_isa())},
                 {"best", nullptr},
                 {"evaluation", nullptr}};
  if (run.summary.best)
    object["best"] = {{"iteration", run.summary.best->iteration}, {"value", run.summary.best->value}};
  if (run.summary.evaluation) object["evaluation"] = Json::parse(to_json(*run.summary.evaluation));
  return object;
}

}  // namespace

std::string protocol_text(const EvaluationSummary& summary) {
  const Protocol& p = summary.protocol;
  const auto counted = [](std::size_t count, const std::string& one, const std::string& many) {
    return with_commas(count) + " " + (count == 1 ? one : many);
  };
  std::string text = p.name + ": " + counted(p.tasks, p.split + " task", p.split + " tasks");
  if (p.ways > 1) text += ", " + std::to_string(p.ways) + " ways";
  text += ", " + counted(p.shots, "shot", "shots") + ", " + counted(p.query_shots, "query", "queries");
  if (p.ways > 1) text += " a class";
  if (p.statistics) text += ", " + to_string(*p.statistics) + " statistics";
  if (!summary.width.empty()) text += ", width " + summary.width;
  if (p.alpha != 0) text += ", alpha " + plain_number(p.alpha);
  return text;
}

void print_evaluations(const std::vector<EvaluationSummary>& evaluations, const AboutOptions& about) {
  const bool is_one = evaluations.size() == 1;
  const double factor = shown_factor(evaluations.front().metric);
  Table table({"step", shown_name(evaluations.front().metric), is_one ? "+-95 %" : "std over seeds",
               about.published.empty() ? "" : about.published_as});
  const auto shown = [&](double value) { return factor == 1 ? table_number(value) : two_decimals(factor * value); };
  const auto add = [&](int step, double mean, double spread) {
    table.add({std::to_string(step), shown(mean), shown(spread), published_at(about.published, step)});
  };
  if (is_one)
    for (const auto& step : evaluations.front().steps) add(step.step, step.mean, step.ci95);
  else
    for (const auto& step : spread_of(evaluations)) add(step.step, step.mean, step.deviation);
  table.print(std::cout);
  if (!about.published.empty() && !about.source.empty())
    std::cout << "  " << about.published_as << ": " << about.source << "\n";
}

void print_results(const std::vector<TrainedRun>& runs, const std::string& folder) {
  const auto& about = runs.front().options.about;
  const auto evaluations = evaluations_of(runs);
  if (!about.title.empty()) std::cout << "\n" << about.title << "\n";
  for (const auto& run : runs) {
    std::cout << "  " << run.path << ": " << with_commas(static_cast<std::size_t>(run.summary.iteration))
              << " iterations";
    if (run.summary.iteration > run.summary.resumed_at)
      std::cout << ", the last "
                << with_commas(static_cast<std::size_t>(run.summary.iteration - run.summary.resumed_at)) << " in "
                << duration(run.summary.seconds);
    std::cout << " (" << isa_name(active_isa()) << ")";
    if (run.summary.best)
      std::cout << "; best validation " << short_number(shown_factor(run.summary.metric) * run.summary.best->value)
                << " at " << with_commas(static_cast<std::size_t>(run.summary.best->iteration));
    std::cout << "\n";
  }
  if (evaluations.empty()) return;
  std::cout << "\n"
            << protocol_text(evaluations.front()) << "; after so many inner steps"
            << (evaluations.size() > 1 ? ", over " + std::to_string(evaluations.size()) + " seeds" : "") << ":\n";
  print_evaluations(evaluations, about);
  const auto longer = 2 * std::max<std::int64_t>(runs.front().options.train.iterations, 1);
  Table next({"Next:", ""});
  next.add({"  maml plot " + folder, "pictures of it"});
  next.add({"  maml eval " + folder + " --tasks 10000", "on more tasks"});
  next.add({"  maml train --resume " + folder + " --set train.iterations=" + std::to_string(longer), "train on"});
  std::cout << "\n";
  next.print(std::cout, "");
}

std::string results_json(const std::vector<TrainedRun>& runs, const std::string& folder) {
  if (runs.size() == 1) return run_json(runs.front()).dump(2) + "\n";
  Json object = {{"folder", folder}, {"runs", Json::array()}, {"spread", nullptr}};
  for (const auto& run : runs) object["runs"].push_back(run_json(run));
  const auto evaluations = evaluations_of(runs);
  if (!evaluations.empty()) object["spread"] = Json::parse(spread_json(evaluations));
  return object.dump(2) + "\n";
}

std::string spread_json(const std::vector<EvaluationSummary>& evaluations) {
  Json steps = Json::array();
  for (const auto& step : spread_of(evaluations))
    steps.push_back({{"step", step.step}, {"mean", step.mean}, {"std", step.deviation}});
  const auto& first = evaluations.front();
  return Json{{"metric", first.metric},
              {"protocol", Json::parse(to_json(first))["protocol"]},
              {"runs", evaluations.size()},
              {"steps", steps}}
             .dump(2) +
         "\n";
}

}  // namespace maml::cli
