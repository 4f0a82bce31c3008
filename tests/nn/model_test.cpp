#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "maml/diff/check_task.h"
#include "maml/nn/backbones.h"
#include "maml/nn/check_model.h"
#include "tests/support/bed.h"
#include "tests/support/model_cases.h"

using namespace maml;
using namespace maml::test;

TEST_CASE("model: the border orders a flattened image's elements C, H, W, for linear and for norms") {
  // One image of 1 x 2 pixels and 2 channels: inside h, w, c = (0,0), (0,1), (1,0), (1,1); at the border c, h, w.
  const Model model({{1, 2, 2},
                     {"layer_norm", "flatten", "layer_norm", "batch_norm mode=support per_step=2", "linear 1"},
                     "mse",
                     "mean"});
  std::vector<double> theta(model.parameters());
  for (std::size_t i = 0; i < theta.size(); ++i) theta[i] = static_cast<double>(i);
  const auto border = model.to_border(theta.data());
  CHECK(model.from_border<double>(border) == theta);
  const auto values = [&](const std::string& name) {
    for (const auto& tensor : border)
      if (tensor.name == name) return tensor;
    return BorderTensor{};
  };
  CHECK(values("norm1.weight").shape == std::vector<std::size_t>{2, 1, 2});
  CHECK(values("norm1.weight").values == std::vector<double>{0, 2, 1, 3});
  CHECK(values("norm2.bias").shape == std::vector<std::size_t>{4});
  CHECK(values("norm2.bias").values == std::vector<double>{12, 14, 13, 15});
  CHECK(values("norm3.weight").shape == std::vector<std::size_t>{2, 4});
  CHECK(values("norm3.weight").values == std::vector<double>{16, 18, 17, 19, 20, 22, 21, 23});
  CHECK(values("linear1.weight").values == std::vector<double>{32, 34, 33, 35});
}

TEST_CASE("model: as many units as a flattened image has elements are no image's elements") {
  const Model model({{1, 2, 2}, {"flatten", "linear 4 bias=false", "tanh", "linear 1 bias=false"}, "mse", "mean"});
  std::vector<double> theta(model.parameters());
  for (std::size_t i = 0; i < theta.size(); ++i) theta[i] = static_cast<double>(i);
  CHECK(model.to_border(theta.data()).back().values == std::vector<double>{16, 17, 18, 19});
}

TEST_CASE("model: what is wrong with a layer's text is said by name") {
  const auto refused = [](std::vector<std::string> layers, const char* text) {
    INFO(text);
    CHECK_THROWS_WITH_AS(Model({{8, 8, 1}, std::move(layers), "cross_entropy", "mean"}), doctest::Contains(text),
                         Error);
  };
  refused({"conv2d 4 kernel=9 padding=valid"}, "[conv2d] kernel 9 is larger than input 8 x 8 x 1 (use padding=same)");
  refused({"linear 4"}, "[linear] wants a vector, but its input is 8 x 8 x 1 (put \"flatten\" before it)");
  refused({"conv2d 4 strid=2", "flatten"}, "unknown key 'strid' in \"conv2d 4 strid=2\"; did you mean stride?");
  refused({"flaten"}, "unknown layer 'flaten'; did you mean flatten?");
  refused({"flatten", "linear 4 init=hee"}, "unknown initial values 'hee'");
  refused({"flatten", "linear"}, "the number of outputs is missing");
  refused({"conv2d 4"}, "the output is 8 x 8 x 4, but the loss wants a vector");
  refused({"flatten", "linear 9999999"}, "too large");
  refused({"flatten", "linear 4", "batch_norm mode=support", "batch_norm"}, "mode support cannot be mixed");
}

TEST_CASE("model: there are 200 layers at most, those of backbones counted one by one") {
  const auto model = [](int backbones) {
    std::vector<std::string> layers(static_cast<std::size_t>(backbones), "backbone mlp-omniglot");
    layers.push_back("linear 5");
    return Model({{3}, layers, "mse", "mean"});
  };
  const int each = static_cast<int>(expanded_layers({"backbone mlp-omniglot"}).size()), most = 199 / each;
  CHECK_NOTHROW(model(most));
  CHECK_THROWS_WITH_AS(model(most + 1), doctest::Contains("layers, at most 200 are possible"), Error);
}

TEST_CASE("model: the mode of a call says whose rows give batch statistics, else the text") {
  const auto make = [](const std::string& norm) {
    return Model({{3}, {"linear 5", norm, "tanh", "linear 2"}, "cross_entropy", "mean"});
  };
  const Model transductive = make("batch_norm"), support = make("batch_norm mode=support"),
              running = make("batch_norm mode=running");
  const Mode as_support{.statistics = Statistics::support};
  CHECK(!transductive.couples_query({}));
  CHECK(transductive.couples_query(as_support));
  CHECK(support.couples_query({}));
  CHECK(!support.couples_query({.statistics = Statistics::transductive}));
  CHECK(running.couples_query(as_support));
  CHECK(!Model({{3}, {"linear 2"}, "mse", "mean"}).couples_query(as_support));

  const auto loss = [](const Model& model, Mode mode) {
    const CheckData data = random_check_data(model, 1, 5, 4, 1, mode);
    CheckTask<double> task(data, 0, 1);
    const auto state = model.initial_state<double>();
    const auto objective = make_objective<double>(model, mode, state.data());
    const auto theta = model.initial<double>(1);
    const Batch<double> query = task.query({theta.data(), 0, 0});
    std::vector<double> tape(objective->tape_size(query.rows));
    double result = 0;
    objective->evaluate({theta.data(), 0, 0}, query, tape.data(), &result, nullptr);
    return result;
  };
  CHECK(loss(transductive, as_support) == loss(support, {}));
  CHECK(loss(running, as_support) == loss(support, {}));
  CHECK(loss(support, {.statistics = Statistics::transductive}) == loss(transductive, {}));
  CHECK(loss(transductive, {}) != loss(support, {}));
  CHECK(loss(running, {.evaluating = true}) != loss(transductive, {.evaluating = true}));

  CHECK_THROWS_WITH_AS(make_objective<float>(transductive, {.statistics = Statistics::running}),
                       "[norm1] keeps no running statistics (train it with mode=running, or ask for another mode)",
                       Error);
}

TEST_CASE("model: a label beyond the outputs is refused, not written through") {
  const Model model({{2}, {"linear 3"}, "cross_entropy", "mean"});
  const auto objective = make_objective<float>(model, Mode{});
  const auto theta = model.initial<float>(1);
  const std::vector<float> x = {1, 2}, label = {3};
  Batch<float> batch;
  batch.rows = 1;
  batch.x = x.data();
  batch.y = label.data();
  std::vector<float> tape(objective->tape_size(1));
  float loss = 0;
  CHECK_THROWS_WITH_AS(objective->evaluate({theta.data(), 0, 0}, batch, tape.data(), &loss, nullptr),
                       doctest::Contains("met class 3, but the model tells 3 apart"), Error);
}

TEST_CASE("model: a spent tape is smaller and gives the same gradients to the bit") {
  for (const auto& entry : model_cases()) {
    INFO(std::string(entry.name));
    Bed<float> bed(entry.model, 2, 6, 5);
    const Batch<float> batch = bed.task.query({bed.theta.data(), 0, 0});
    const std::size_t kept = bed.objective->tape_size(batch.rows), spent = bed.objective->spent_tape_size(batch.rows);
    CHECK(spent <= kept);
    std::vector<float> results[2];
    for (const bool spends : {false, true}) {
      const std::size_t n = bed.theta.size();
      std::vector<float> tape(batch.tasks * (spends ? spent : kept));
      auto& result = results[spends];
      result.resize(batch.tasks * (n + 2));
      GradientOut<float> out;
      out.losses = result.data();
      out.metrics = result.data() + batch.tasks;
      out.g = result.data() + 2 * batch.tasks;
      out.g_stride = static_cast<std::ptrdiff_t>(n);
      out.spends_tape = spends;
      bed.objective->gradient({bed.theta.data(), 0, 0}, batch, tape.data(), out);
    }
    CHECK(results[0] == results[1]);
  }
}

TEST_CASE("cross entropy: what is not a number is right for no class") {
  const Model model({{2}, {"linear 2"}, "cross_entropy", "mean"});
  const auto objective = make_objective<double>(model, Mode{});
  std::vector<double> tape(objective->tape_size(1)), theta(model.parameters());
  const double x[] = {1, 1}, y[] = {0};
  const auto accuracy = [&] {
    double loss = 0, metric = -1;
    objective->evaluate({theta.data(), 0, 0}, {.tasks = 1, .rows = 1, .x = x, .y = y}, tape.data(), &loss, &metric);
    return metric;
  };
  CHECK(accuracy() == 1);  // of equal outputs the first
  theta.assign(theta.size(), std::numeric_limits<double>::quiet_NaN());
  CHECK(accuracy() == 0);
}

namespace {

/// The loss of one task of these rows, at the model's initial parameters.
double loss_of(const Model& model, Batch<double> batch) {
  const auto objective = make_objective<double>(model, Mode{});
  const auto theta = model.initial<double>(1);
  std::vector<double> tape(objective->spent_tape_size(batch.rows));
  double loss = 0;
  objective->evaluate({theta.data(), 0, 0}, batch, tape.data(), &loss, nullptr);
  return loss;
}

}  // namespace

TEST_CASE("model: weights multiply the rows' losses, whatever they add up to; mse refuses them") {
  const std::vector<double> x = {0.3, -1, 2, 0.5, -0.7, 0.1}, y = {2, 0, 1}, weight = {3, 0, 0.5};
  for (const char* normalisation : {"mean", "sum/shots"}) {
    const Model model({{2}, {"linear 3"}, "cross_entropy", normalisation});
    double weighted = 0;
    for (std::size_t row = 0; row < 3; ++row) {
      Batch<double> one;
      one.rows = 1;
      one.x = x.data() + 2 * row;
      one.y = y.data() + row;
      weighted += weight[row] * loss_of(model, one);
    }
    Batch<double> all;
    all.rows = 3;
    all.x = x.data();
    all.y = y.data();
    all.weight = weight.data();
    all.shots = 2;
    CHECK(loss_of(model, all) == doctest::Approx(weighted / (normalisation == std::string("mean") ? 3 : 2)));
  }

  Batch<double> batch;
  batch.rows = 3;
  batch.x = x.data();
  batch.y = y.data();
  batch.weight = weight.data();
  CHECK_THROWS_WITH_AS(loss_of(Model({{2}, {"linear 1"}, "mse", "mean"}), batch),
                       doctest::Contains("[mse] does not read weights of rows"), Error);
}
