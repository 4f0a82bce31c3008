#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "maml/diff/adaptation.h"
#include "maml/io/safetensors.h"
#include "maml/io/toml.h"
#include "maml/kernels/vector.h"
#include "maml/nn/model.h"
#include "tests/support/bed.h"

// Meta-gradients against those of another framework: tests/golden/NAME.toml and NAME.safetensors, which
// tests/golden/make_golden.py made by differentiating the unrolled inner loop in reverse.

using namespace maml;

namespace {

constexpr double bound = 1e-9;  // of the whole vector's norm

std::vector<std::string> words(const toml::array* array) {
  std::vector<std::string> list;
  if (array)
    for (const auto& node : *array) list.push_back(node.value<std::string>().value());
  return list;
}

ModelOptions model_options(const toml::table& config) {
  ModelOptions options;
  for (const auto& node : *config["model"]["input"].as_array())
    options.input.push_back(static_cast<std::size_t>(node.value<std::int64_t>().value()));
  options.layers = words(config["model"]["layers"].as_array());
  options.loss = config["model"]["loss"].value<std::string>().value();
  options.normalisation = config["model"]["normalisation"].value<std::string>().value();
  return options;
}

/// Task after task, support rows before query rows.
CheckData check_data(const TensorFile& file, const Model& model, std::size_t shots) {
  CheckData data;
  const auto &support = file.at("support.x").shape, &query = file.at("query.x").shape;
  data.tasks = support[0];
  data.support_rows = support[1];
  data.query_rows = query[1];
  data.inputs = model.input().size();
  data.targets = model.loss().targets(model.output().size());
  data.shots = shots;
  data.couple_query = model.couples_query({});
  const auto values = [&](const std::string& name) {
    const Tensor& tensor = file.at(name);
    if (tensor.dtype != DType::i64) return tensor.as<double>();
    const auto labels = tensor.as<std::int64_t>();
    return std::vector<double>(labels.begin(), labels.end());
  };
  const auto interleave = [&](const std::string& part, std::size_t width, std::vector<double>& to) {
    const auto first = values("support." + part), second = values("query." + part);
    const auto a = static_cast<std::ptrdiff_t>(data.support_rows * width);
    const auto b = static_cast<std::ptrdiff_t>(data.query_rows * width);
    for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(data.tasks); ++i) {
      to.insert(to.end(), first.begin() + i * a, first.begin() + (i + 1) * a);
      to.insert(to.end(), second.begin() + i * b, second.begin() + (i + 1) * b);
    }
  };
  interleave("x", data.inputs, data.x);
  interleave("y", data.targets, data.y);
  return data;
}

std::vector<double> parameters(const TensorFile& file, const Model& model) {
  std::vector<BorderTensor> tensors;
  for (const auto& slice : model.slices())
    tensors.push_back({slice.name, file.at(slice.name).shape, file.at(slice.name).as<double>()});
  return model.from_border<double>(tensors);
}

/// One rate a slice, at each step where they differ: from the file, or from `inner.alpha` (a number, or patterns).
std::vector<double> slice_rates(const toml::table& config, const TensorFile& file, const RateLayout& layout) {
  std::vector<double> rates(layout.size());
  const auto set_all = [&](std::size_t slice, const auto& value) {
    for (int k = 0; k < layout.steps(); ++k) rates[layout.range(k, slice).first] = value(static_cast<std::size_t>(k));
  };
  const auto& slices = layout.slices();
  const auto alpha = config["inner"]["alpha"];
  for (std::size_t i = 0; i < slices.size(); ++i)
    if (const Tensor* kept = file.find("alpha." + slices[i].name))
      set_all(i, [&](std::size_t k) { return kept->view<double>()[k]; });
    else if (alpha.is_number())
      set_all(i, [&](std::size_t) { return alpha.value<double>().value(); });
  if (const auto* patterns = alpha.as_table())
    for (const auto& [pattern, value] : *patterns) {
      const auto taken = matching_slices("inner.adapt", slices, {std::string(pattern.str())});
      for (std::size_t i = 0; i < slices.size(); ++i)
        if (taken[i]) set_all(i, [&, rate = value.value<double>().value()](std::size_t) { return rate; });
    }
  return rates;
}

std::vector<double> mean_over_tasks(const std::vector<double>& values, std::size_t tasks) {
  const std::size_t n = values.size() / tasks;
  std::vector<double> mean(n);
  for (std::size_t i = 0; i < values.size(); ++i) mean[i % n] += values[i] / static_cast<double>(tasks);
  return mean;
}

void run_case(const std::filesystem::path& path) {
  const toml::table config = toml::parse_file(path.string());
  const TensorFile file = read_safetensors(std::filesystem::path(path).replace_extension("safetensors").string());
  const Model model(model_options(config));
  const auto data = check_data(file, model, config["data"]["shots"].value<std::size_t>().value());
  const auto theta = parameters(file, model);

  AdaptationOptions options;
  options.steps = config["inner"]["steps"].value<int>().value();
  options.tasks = data.tasks;
  options.support_rows = data.support_rows;
  options.query_rows = data.query_rows + (data.couple_query ? data.support_rows : 0);

  const auto learned = config["inner"]["learned"].value_or<std::string>("no");
  const auto* adapt = config["inner"]["adapt"].as_array();
  const RateLayout layout(
      model.slices(),
      matching_slices("inner.adapt", model.slices(), adapt ? words(adapt) : std::vector<std::string>{"*"}),
      RateSharing::slice, learned == "layer-step" ? options.steps : 1);
  const auto objective = make_objective<double>(model, Mode{});
  const auto rule = config["inner"]["rule"].value_or<std::string>("sgd") == "momentum"
                        ? make_momentum<double>(config["inner"]["momentum"].value<double>().value())
                        : make_sgd<double>();

  std::vector<double> weights(static_cast<std::size_t>(options.steps) + 1);
  weights.back() = 1;
  if (const auto* given = config["inner"]["step_weights"].as_array())
    for (std::size_t k = 0; k < weights.size(); ++k) weights[k] = given->get(k)->value<double>().value();

  Adaptation<double> adaptation({objective.get(), objective.get(), rule.get(), &layout, nullptr}, options);
  adaptation.set_rates(slice_rates(config, file, layout).data());
  CheckTask<double> task(data, 0, data.tasks);
  const std::size_t all = data.tasks * model.parameters();
  std::vector<double> losses(data.tasks), step_losses(data.tasks), v(all), gradient(all),
      d_rates(data.tasks * layout.size());
  adaptation.run(theta.data(), task);
  const auto judge = [&](int k) {
    adaptation.query(k, step_losses.data(), nullptr, gradient.data());
    const double weight = weights[static_cast<std::size_t>(k)];
    add_scaled(data.tasks, losses.data(), weight, step_losses.data(), losses.data());
    return weight;
  };
  add_scaled(all, v.data(), judge(options.steps), gradient.data(), v.data());
  const Inject<double> inject = [&](int k, Point<double>, double* at) {
    add_scaled(all, at, judge(k), gradient.data(), at);
  };
  adaptation.vjp(v.data(), inject, d_rates.data());

  CHECK(test::relative_error(losses, file.at("loss").as<double>()) < bound);

  std::vector<double> ours, theirs;
  const auto append = [](std::vector<double>& to, const auto& values) {
    to.insert(to.end(), values.begin(), values.end());
  };
  for (const auto& tensor : model.to_border<double>(mean_over_tasks(v, data.tasks).data())) {
    CHECK(file.at("gradient." + tensor.name).shape == tensor.shape);
    append(ours, tensor.values);
    append(theirs, file.at("gradient." + tensor.name).view<double>());
  }
  REQUIRE(ours.size() == theirs.size());
  CHECK(test::relative_error(ours, theirs) < bound);

  if (learned == "no") return;
  ours.clear();
  theirs.clear();
  const auto mean_rates = mean_over_tasks(d_rates, data.tasks);
  for (std::size_t i = 0; i < layout.slices().size(); ++i) {
    append(theirs, file.at("gradient.alpha." + layout.slices()[i].name).view<double>());
    for (int k = 0; k < layout.steps(); ++k) ours.push_back(mean_rates[layout.range(k, i).first]);
  }
  REQUIRE(ours.size() == theirs.size());
  CHECK(test::relative_error(ours, theirs) < bound);
}

}  // namespace

TEST_CASE("golden: meta-gradients of another framework") {
  std::set<std::filesystem::path> cases;
  for (const auto& entry : std::filesystem::directory_iterator(MAML_SOURCE_DIR "/tests/golden"))
    if (entry.path().extension() == ".toml") cases.insert(entry.path());
  CHECK(cases.size() >= 9);
  for (const auto& path : cases) {
    INFO(path.stem().string());
    CHECK_NOTHROW(run_case(path));
  }
}
