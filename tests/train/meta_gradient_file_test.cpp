#include "maml/train/meta_gradient_file.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "maml/base/error.h"
#include "maml/io/safetensors.h"
#include "tests/support/bed.h"
#include "tests/train/small_run.h"

using namespace maml;

namespace {

const std::string folder = MAML_SOURCE_DIR "/tests/golden/";

bool begins_with(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}

/// All values of the tensors whose names begin so, in the order of `names`.
std::vector<double> all_of(const TensorFile& file, const std::set<std::string>& names) {
  std::vector<double> values;
  for (const auto& name : names) {
    const auto part = file.at(name).as<double>();
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}

void check_against(const TensorFile& ours, const TensorFile& golden, double bound) {
  std::set<std::string> losses, gradients, rates, seen;
  for (const auto& tensor : golden.tensors) {
    if (tensor.name == "loss")
      losses.insert(tensor.name);
    else if (begins_with(tensor.name, "gradient.alpha."))
      rates.insert(tensor.name);
    else if (begins_with(tensor.name, "gradient."))
      gradients.insert(tensor.name);
    else
      continue;
    seen.insert(tensor.name);
    CHECK(ours.at(tensor.name).shape == tensor.shape);
  }
  CHECK(ours.tensors.size() == seen.size());
  for (const auto& names : {losses, gradients, rates})
    CHECK(test::relative_error(all_of(ours, names), all_of(golden, names)) < bound);
}

/// The message with which a changed copy of the golden file is refused; empty where it is not.
template <class Change> std::string refusal(const std::string& name, Change&& change) {
  TensorFile file = read_safetensors(folder + name + ".safetensors");
  Options options = load_options(folder + name + ".toml");
  change(file, options);
  return test::error_of([&] { meta_gradient(options, file, file); });
}

bool says(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE(text);
  return found;
}

Tensor& tensor(TensorFile& file, const std::string& name) {
  return *std::find_if(file.tensors.begin(), file.tensors.end(), [&](const Tensor& t) { return t.name == name; });
}

}  // namespace

TEST_CASE("meta-gradient of given tasks: every golden case, in double and in float") {
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".toml") continue;
    INFO(entry.path().stem().string());
    const Options options = load_options(entry.path().string());
    const TensorFile golden = read_safetensors(std::filesystem::path(entry.path()).replace_extension("safetensors"));
    check_against(meta_gradient(options, golden, golden), golden, 1e-9);
    const TensorFile single = meta_gradient(options, golden, golden, Precision::single);
    CHECK(single.at("loss").dtype == DType::f32);
    check_against(single, golden, 1e-4);
    ++cases;
  }
  CHECK(cases >= 9);
}

TEST_CASE("meta-gradient of given tasks: algorithms imply what is adapted and learned") {
  const TensorFile file = read_safetensors(folder + "sinusoid-1step.safetensors");
  Options options = load_options(folder + "sinusoid-1step.toml");
  options.inner.adapt = {};
  options.inner.learned = "";
  const auto with = [&](const std::string& algorithm) {
    options.outer.algorithm = algorithm;
    return meta_gradient(options, file, file);
  };
  const TensorFile exact = with("maml"), first_order = with("fomaml"), learned = with("meta_sgd");
  CHECK(exact.at("loss") == first_order.at("loss"));
  CHECK(exact.at("gradient.linear1.weight") != first_order.at("gradient.linear1.weight"));
  CHECK(exact.find("gradient.alpha") == nullptr);
  CHECK(learned.at("gradient.alpha.linear2.weight").shape == file.at("linear2.weight").shape);
  CHECK(learned.at("gradient.linear1.weight") == exact.at("gradient.linear1.weight"));

  // After no step the loss is the query loss at theta_0, whatever the inner rate.
  const auto jointly = with("pretrained");
  options.inner.alpha = RateTable(5);
  CHECK(with("pretrained").at("loss") == jointly.at("loss"));
  CHECK(with("anil").at("loss") != exact.at("loss"));
}

TEST_CASE("meta-gradient of given tasks: what does not fit is named") {
  const auto without = [](const std::string& name) {
    return [name](TensorFile& file, Options&) {
      std::erase_if(file.tensors, [&](const Tensor& t) { return t.name == name; });
    };
  };
  const std::string regression = "sinusoid-1step", classes = "classifier";
  CHECK(says(refusal(regression, without("query.x")), "query.x"));
  CHECK(says(refusal(regression, without("linear3.bias")), "linear3.bias"));
  CHECK(says(refusal(regression, [](TensorFile& file, Options&) { tensor(file, "support.x").shape.pop_back(); }),
             "[support.x] has shape"));
  CHECK(says(refusal(regression,
                     [](TensorFile& file, Options&) {
                       std::swap(tensor(file, "query.y").shape[0], tensor(file, "query.y").shape[1]);
                     }),
             "[query.y] has shape"));
  CHECK(says(refusal(regression,
                     [](TensorFile& file, Options&) {
                       tensor(file, "linear1.weight").shape = {1, 8};
                     }),
             "[linear1.weight] has shape"));
  CHECK(
      says(refusal(classes, [](TensorFile& file, Options&) { tensor(file, "support.y").view<std::int64_t>()[0] = 3; }),
           "label 3"));
  CHECK(
      says(refusal(classes, [](TensorFile& file, Options&) { tensor(file, "support.y").dtype = DType::f64; }), "i64"));
  CHECK(says(refusal(classes, [](TensorFile&, Options& options) { options.data.shots = 5; }), "data.shots"));
  CHECK(says(refusal(regression, [](TensorFile&, Options& options) { options.inner.step_weights = {1}; }),
             "inner.step_weights"));
  CHECK(says(refusal(regression, [](TensorFile&, Options& options) { options.inner.batch = 2; }), "inner.batch"));
  CHECK(says(refusal(regression, [](TensorFile&, Options& options) { options.outer.algorithm = "mamml"; }),
             "did you mean maml?"));
  CHECK(says(refusal("learned-rates-per-step",
                     [](TensorFile&, Options& options) {
                       options.inner.steps += 1;
                       options.inner.step_weights = {};
                     }),
             "alpha."));
}
