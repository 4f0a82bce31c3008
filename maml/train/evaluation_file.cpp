#include <algorithm>
#include <filesystem>
#include <limits>

#include <nlohmann/json.hpp>

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/train/evaluation.h"

namespace maml {

namespace {

using Json = nlohmann::ordered_json;

Json object_of(const EvaluationSummary& summary) {
  const Protocol& p = summary.protocol;
  Json protocol = {
      {"name", p.name},        {"tasks", p.tasks}, {"ways", p.ways}, {"shots", p.shots}, {"query_shots", p.query_shots},
      {"statistics", nullptr}, {"steps", p.steps}, {"seed", p.seed}, {"split", p.split}, {"alpha", nullptr}};
  if (p.statistics) protocol["statistics"] = to_string(*p.statistics);
  if (p.alpha != 0) protocol["alpha"] = p.alpha;
  Json steps = Json::array();
  for (const auto& step : summary.steps)
    steps.push_back(Json{{"step", step.step}, {"mean", step.mean}, {"ci95", step.ci95}});
  Json object = {{"protocol", protocol},
                 {"iteration", nullptr},
                 {"width", summary.width},
                 {"metric", summary.metric},
                 {"steps", steps}};
  if (summary.iteration) object["iteration"] = *summary.iteration;
  return object;
}

EvaluationSummary summary_of(const nlohmann::json& object) {
  // What was not finite is null in JSON.
  const auto number = [](const nlohmann::json& value) {
    return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
  };
  const auto& of = object.at("protocol");
  EvaluationSummary summary;
  Protocol& p = summary.protocol;
  p.name = of.at("name").get<std::string>();
  p.tasks = of.at("tasks").get<std::size_t>();
  p.ways = of.at("ways").get<std::size_t>();
  p.shots = of.at("shots").get<std::size_t>();
  p.query_shots = of.at("query_shots").get<std::size_t>();
  if (!of.at("statistics").is_null())
    p.statistics = parse_statistics("statistics", of.at("statistics").get<std::string>());
  p.steps = of.at("steps").get<int>();
  p.seed = of.at("seed").get<std::uint64_t>();
  p.split = of.at("split").get<std::string>();
  if (!of.at("alpha").is_null()) p.alpha = of.at("alpha").get<double>();
  const auto iteration = object.find("iteration");
  if (iteration != object.end() && !iteration->is_null()) summary.iteration = iteration->get<std::int64_t>();
  summary.width = object.at("width").get<std::string>();
  summary.metric = object.at("metric").get<std::string>();
  for (const auto& step : object.at("steps"))
    summary.steps.push_back({step.at("step").get<int>(), number(step.at("mean")), number(step.at("ci95"))});
  return summary;
}

}  // namespace

std::string to_json(const EvaluationSummary& summary) {
  return object_of(summary).dump(2) + "\n";
}

std::string to_json(const std::vector<EvaluationSummary>& summaries) {
  Json list = Json::array();
  for (const auto& summary : summaries) list.push_back(object_of(summary));
  return Json{{"evaluations", list}}.dump(2) + "\n";
}

std::vector<EvaluationSummary> parse_evaluations(const std::string& json, const std::string& name) {
  try {
    std::vector<EvaluationSummary> summaries;
    const auto object = nlohmann::json::parse(json);
    for (const auto& entry : object.at("evaluations")) summaries.push_back(summary_of(entry));
    return summaries;
  } catch (const nlohmann::json::exception& error) {
    fail(name, "holds no evaluations (remove it): ", error.what());
  }
}

void save_evaluation(const std::string& path, const EvaluationSummary& summary) {
  std::vector<EvaluationSummary> all;
  if (std::filesystem::exists(path)) all = parse_evaluations(read_text_file(path), path);
  const auto same = std::find_if(all.begin(), all.end(),
                                 [&](const auto& other) { return other.protocol.name == summary.protocol.name; });
  if (same == all.end())
    all.push_back(summary);
  else
    *same = summary;
  write_atomically(path, to_json(all), "eval");
}

}  // namespace maml
