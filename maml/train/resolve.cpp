#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "maml/algorithms/algorithm.h"
#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/nn/backbones.h"
#include "maml/nn/foreign.h"
#include "maml/tasks/domains.h"
#include "maml/train/experiment.h"
#include "maml/train/option_text.h"

namespace maml {

namespace {

void one_of(const char* key, const std::string& value, const std::vector<std::string>& possible) {
  if (std::find(possible.begin(), possible.end(), value) != possible.end()) return;
  fail(key, "unknown value '", value, "'", did_you_mean(value, possible), " (known: ", join(possible), ")");
}

template <class T> void at_least(const char* key, T value, T least) {
  require(value >= least, key, "is ", toml_text(value), ", but must be at least ", toml_text(least));
}

void above_zero(const char* key, double value) {
  require(std::isfinite(value) && value > 0, key, "is ", toml_text(value), ", but must be above 0");
}

void from_zero(const char* key, double value) {
  require(std::isfinite(value) && value >= 0, key, "is ", toml_text(value), ", but must be 0 or above");
}

void share(const char* key, double value) {
  require(value >= 0 && value < 1, key, "is ", toml_text(value), ", but must be from 0 to below 1");
}

void check_inner(const InnerOptions& inner, const AlgorithmTraits& traits, const std::string& algorithm) {
  at_least("inner.steps", inner.steps, 1);
  from_zero("inner.alpha", inner.alpha.everywhere);
  for (const auto& entry : inner.alpha.by_name) from_zero("inner.alpha", entry.second);
  if (!inner.learned.empty())
    one_of("inner.learned", inner.learned,
           {"no", "number", "number-step", "layer", "layer-step", "element", "element-step"});
  require(inner.learned.rfind("number", 0) != 0 || inner.alpha.by_name.empty(), "inner.learned", inner.learned,
          " learns one rate, but inner.alpha is a table (learn layer, or give one number)");
  for (const double factor : inner.alpha_steps) from_zero("inner.alpha_steps", factor);
  one_of("inner.rule", inner.rule, {"sgd", "momentum"});
  share("inner.momentum", inner.momentum);
  const bool differentiates = traits.adapts && traits.differentiates;
  require(differentiates || inner.learned.empty() || inner.learned == "no", "inner.learned", "is '", inner.learned,
          "', but ", algorithm, " has no gradient by the rates (set it to no)");
  require(differentiates || inner.step_weights.empty(), "inner.step_weights", "mean nothing to ", algorithm,
          " (leave them out)");
  require(inner.step_weights.empty() || inner.step_weights.size() == static_cast<std::size_t>(inner.steps) + 1,
          "inner.step_weights", "has ", inner.step_weights.size(), " weights, but inner.steps = ", inner.steps,
          " wants ", inner.steps + 1, " (after 0, 1, .. steps)");
  at_least("inner.step_weights_until", inner.step_weights_until, std::int64_t{0});
  require(!inner.step_weights.empty() || inner.step_weights_until == 0, "inner.step_weights_until",
          "says when inner.step_weights end, but there are none (give them, or leave it out)");
  for (const double weight : inner.step_weights)
    require(std::isfinite(weight), "inner.step_weights", "holds ", toml_text(weight), ", which is not finite");
}

void check_outer(const OuterOptions& outer, const AlgorithmTraits& traits) {
  at_least("outer.second_order_from", outer.second_order_from, std::int64_t{0});
  require(traits.second_order || outer.second_order_from == 0, "outer.second_order_from", "means nothing to ",
          outer.algorithm, ", which has no second order (leave it out)");
  one_of("outer.optimiser", outer.optimiser, {"adam", "sgd"});
  above_zero("outer.rate", outer.rate);
  share("outer.beta1", outer.beta1);
  share("outer.beta2", outer.beta2);
  above_zero("outer.epsilon", outer.epsilon);
  share("outer.momentum", outer.momentum);
  one_of("outer.schedule", outer.schedule, {"constant", "linear", "cosine", "step"});
  from_zero("outer.final_rate", outer.final_rate);
  at_least("outer.step_every", outer.step_every, std::int64_t{1});
  above_zero("outer.step_factor", outer.step_factor);
  from_zero("outer.clip", outer.clip);
  from_zero("outer.clip_norm", outer.clip_norm);
  at_least("outer.accumulate", outer.accumulate, std::size_t{1});
  from_zero("outer.alpha_rate", outer.alpha_rate);
}

void check_train(const Options& options) {
  at_least("data.ways", options.data.ways, std::size_t{1});
  at_least("data.shots", options.data.shots, std::size_t{1});
  one_of("data.rotations", options.data.rotations, {"none", "task", "classes"});
  one_of("data.rows", options.data.rows, {"any", "window"});
  if (!options.data.columns.empty()) require_sound(options.data.columns, "data");
  at_least("data.horizon", options.data.horizon, std::size_t{1});
  require(options.data.discount >= 0 && options.data.discount <= 1, "data.discount", "is ",
          toml_text(options.data.discount), ", but must be from 0 to 1");
  at_least("data.tasks", options.data.tasks, std::size_t{1});
  const auto& train = options.train;
  at_least("train.iterations", train.iterations, std::int64_t{0});
  require(train.iterations <= std::numeric_limits<std::uint32_t>::max(), "train.iterations",
          "is too large (at most 4294967295)");
  at_least("train.threads", train.threads, 0);
  at_least("train.validate_every", train.validate_every, std::int64_t{0});
  at_least("train.validation_tasks", train.validation_tasks, std::size_t{1});
  at_least("train.checkpoint_every", train.checkpoint_every, std::int64_t{0});
  at_least("train.log_every", train.log_every, std::int64_t{1});
  at_least("train.memory_mib", train.memory_mib, std::size_t{1});
  require(train.memory_mib <= std::size_t{1} << 40, "train.memory_mib", "is too large");
  at_least("eval.tasks", options.eval.tasks, std::size_t{1});
  at_least("eval.steps", options.eval.steps, 0);
}

/// The patterns that the algorithm's row of the table implies. The head: the last layer with products (linear, conv2d),
/// and what follows it.
std::vector<std::string> implied_patterns(AlgorithmTraits::Adapts which, const Model& model) {
  if (which == AlgorithmTraits::Adapts::all) return {"*"};
  require(model.layer_count() > 0, "inner.adapt",
          "is missing: a model without layers does not say what its head is "
          "(write patterns of parameter names, [\"*\", \"!head.*\"])");
  std::size_t head = model.layer_count();
  while (head > 1 && (head == model.layer_count() || model.layer(head).info().products_per_row == 0)) --head;
  std::vector<std::string> patterns;
  if (which == AlgorithmTraits::Adapts::body) patterns.push_back("*");
  for (; head < model.layer_count(); ++head)
    if (!model.layer(head).info().parameters.empty())
      patterns.push_back((which == AlgorithmTraits::Adapts::body ? "!" : "") + model.layer_name(head) + ".*");
  return patterns;
}

/// A foreign model may lack the second derivatives that the row reads.
void require_order(const Model& model, const AlgorithmTraits& traits, const std::string& algorithm) {
  if (!model.foreign() || !traits.adapts || !traits.second_order) return;
  const auto objective = make_trained_objective<float>(model, {});
  require(dynamic_cast<const Objective<float>*>(objective.get()) != nullptr, model.foreign()->name,
          "has no Hessian-vector product, which ", algorithm, " needs (give it hvp, or take fomaml or reptile)");
}

void resolve_values(Options& options, const AlgorithmTraits& traits) {
  check_outer(options.outer, traits);
  check_train(options);
  options.data.oracle = options.data.oracle || traits.oracle_inputs;
  if (options.data.query_shots == 0) options.data.query_shots = options.data.shots;
}

}  // namespace

InnerOptions resolved_inner(const InnerOptions& given, const std::string& algorithm_name, const Model& model) {
  const AlgorithmTraits traits = algorithm(algorithm_name).traits;
  InnerOptions inner = given;
  check_inner(inner, traits, algorithm_name);
  if (inner.learned.empty()) inner.learned = traits.learns_element_rates ? "element" : "no";
  if (inner.adapt.empty()) inner.adapt = implied_patterns(traits.which, model);
  require_order(model, traits, algorithm_name);
  const auto mask = matching_slices("inner.adapt", model.slices(), inner.adapt);
  require(std::any_of(mask.begin(), mask.end(), [](unsigned char adapted) { return adapted != 0; }), "inner.adapt",
          "leaves no parameter to adapt (", toml_text(inner.adapt), ")");
  return inner;
}

void require_fit(const Model& model, const Domain& domain) {
  const Shape input = domain.input();
  require(model.input() == input, "model.input", "is ", toml_text(model.input().extents),
          ", but the tasks' inputs are ", toml_text(input.extents), " (in a config, leave it out)");
  const std::size_t targets = model.loss().targets(model.output().size());
  require(targets == domain.targets(), "model.layers", "the loss compares ", targets,
          targets == 1 ? " value" : " values", " a row, but the tasks give ", domain.targets(),
          " (change the size of the last layer)");
}

Options resolved(const Options& given, const Model& model) {
  Options options = given;
  resolve_values(options, algorithm(options.outer.algorithm).traits);
  options.model.input = model.input().extents;
  options.inner = resolved_inner(options.inner, options.outer.algorithm, model);
  return options;
}

Options resolved(const Options& given) {
  Options options = given;
  const AlgorithmTraits traits = algorithm(options.outer.algorithm).traits;
  resolve_values(options, traits);
  if (options.model.input.empty()) {
    require(brings_input(options.data.domain), "model.input", "is missing (write the extents of one of the inputs of ",
            options.data.domain, ": [n], or [height, width, channels])");
    options.model.input = make_domain(options.data, nullptr)->input().extents;
  }
  options.model.layers = expanded_layers(options.model.layers);
  const Model model(options.model);
  options.inner = resolved_inner(options.inner, options.outer.algorithm, model);
  return options;
}

bool fixes_results(const std::string& key, const Options& options) {
  const auto table = key.substr(0, key.find('.'));
  const bool ends_schedule = options.outer.schedule == "linear" || options.outer.schedule == "cosine";
  // Where the data are may change; what they say of themselves is for those who use the model.
  static constexpr std::array said_by_data = {"data.file",   "data.preparation", "data.licence", "data.task_column",
                                              "data.inputs", "data.targets",     "data.means",   "data.deviations"};
  const bool is_said = std::find(said_by_data.begin(), said_by_data.end(), key) != said_by_data.end();
  return table == "model" || table == "inner" || table == "outer" || (table == "data" && !is_said) ||
         key == "train.seed" || key == "train.validation_tasks" || key == "eval.seed" ||
         (key == "train.iterations" && ends_schedule);
}

std::string digest(const Options& options) {
  std::vector<std::string> defaults;
  const Options standard;
  visit(standard, [&](const char*, const auto& field, const char*) { defaults.push_back(toml_text(field)); });
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  std::size_t i = 0;
  visit(options, [&](const std::string& key, const auto& field, const char*) {
    const std::string value = toml_text(field);
    // Keys at their defaults do not count, so that an option of a later version leaves older runs readable.
    if (value == defaults[i++] || !fixes_results(key, options)) return;
    for (const char c : key + "=" + value + "\n") hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  });
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

}  // namespace maml
