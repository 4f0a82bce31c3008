#include "maml/train/adapt.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "maml/base/error.h"
#include "maml/base/rng.h"
#include "maml/diff/adaptation.h"
#include "maml/kernels/isa.h"
#include "maml/train/adapted_file.h"
#include "maml/train/checkpoint.h"
#include "maml/train/inner_loop.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/adaptable.h"
#include "tests/support/packs.h"
#include "tests/support/same_bytes.h"

using namespace maml;
using maml::test::classifier;
using maml::test::initial_model;
using maml::test::noise;
using maml::test::same_bytes;
using maml_test::bytes_of;
using maml_test::put_bytes;
using maml_test::ScratchFolder;
using maml_test::SmallPack;

namespace {

/// Rows of noise with these labels.
SupportSet support_of(const LoadedModel& model, std::vector<float> labels) {
  return {noise(labels.size() * model.model->input().size(), 1), std::move(labels)};
}

/// Unequal numbers of rows a class, in no order.
const std::vector<float> unequal = {2, 0, 1, 4, 3, 3, 0, 4, 3};

const std::vector<std::vector<std::string>> layer_lists = {
    {"flatten", "linear 17 init=he", "relu", "linear 5 init=he"},
    {"flatten", "linear 17 init=he", "batch_norm mode=transductive", "relu", "linear 5 init=he"},
    {"conv2d 9 kernel=3 stride=2 padding=same", "batch_norm mode=transductive gamma=false", "relu",
     "conv2d 16 kernel=3 padding=same", "batch_norm mode=transductive gamma=false", "relu", "max_pool 2", "flatten",
     "linear 5 init=he"},
    {"conv2d 6 kernel=3 padding=same", "batch_norm mode=support per_step=2", "relu", "max_pool 2", "global_mean",
     "linear 5 init=he"},
    {"conv2d 6 kernel=3 padding=same", "batch_norm mode=running", "relu", "flatten", "linear 5 init=he"},
};

}  // namespace

TEST_CASE("adapt: a query's outputs are the same bits alone, among others, in any order and within any budget") {
  for (const auto& layers : layer_lists) {
    CAPTURE(layers[0]);
    CAPTURE(layers[2]);
    const LoadedModel model = initial_model(classifier({13, 11, 1}, layers));
    const AdaptedModel adapted = adapt(model, support_of(model, unequal));
    const std::size_t inputs = model.model->input().size(), rows = 300;
    const auto x = noise(rows * inputs, 2);
    const auto together = adapted.outputs(x);
    REQUIRE(together.size() == rows * 5);

    std::vector<float> alone;
    for (std::size_t row = 0; row < rows; ++row) {
      const auto y = adapted.outputs(std::span(x).subspan(row * inputs, inputs));
      alone.insert(alone.end(), y.begin(), y.end());
    }
    CHECK(same_bytes(alone, together));

    std::vector<float> backwards_x, forwards;
    for (std::size_t row = rows; row-- > 0;)
      backwards_x.insert(backwards_x.end(), x.begin() + static_cast<std::ptrdiff_t>(row * inputs),
                         x.begin() + static_cast<std::ptrdiff_t>((row + 1) * inputs));
    const auto backwards = adapted.outputs(backwards_x);
    for (std::size_t row = rows; row-- > 0;)
      forwards.insert(forwards.end(), backwards.begin() + static_cast<std::ptrdiff_t>(row * 5),
                      backwards.begin() + static_cast<std::ptrdiff_t>((row + 1) * 5));
    CHECK(same_bytes(forwards, together));

    const AdaptedModel frugal = adapt(model, support_of(model, unequal), {.budget = std::size_t{1} << 20});
    CHECK(same_bytes(frugal.parameters(), adapted.parameters()));
    CHECK(same_bytes(frugal.outputs(x), together));
    CHECK_THROWS_AS(adapt(model, support_of(model, unequal), {.budget = 1000}), BudgetError);
  }
}

TEST_CASE("adapt: the same bits on the models of the presets, some rows at a time") {
  for (const auto* name : {"omniglot-5way-1shot", "omniglot-mlp-5way-1shot", "mini-imagenet-5way-1shot-anil"}) {
    CAPTURE(name);
    const LoadedModel model = initial_model(preset(name));
    const AdaptedModel adapted = adapt(model, support_of(model, unequal));
    const std::size_t inputs = model.model->input().size(), rows = 7;
    const auto x = noise(rows * inputs, 2);
    const auto together = adapted.outputs(x);
    for (std::size_t first = 0; first < rows; ++first)
      for (const std::size_t count : {1, 3}) {
        if (first + count > rows) continue;
        const auto some = adapted.outputs(std::span(x).subspan(first * inputs, count * inputs));
        const auto begin = together.begin() + static_cast<std::ptrdiff_t>(first * 5);
        CHECK(same_bytes(some, {begin, begin + static_cast<std::ptrdiff_t>(count * 5)}));
      }
  }
}

TEST_CASE("adapt: statistics are those of the support set, unless the model has running ones or the call says") {
  const auto of = [](std::size_t which) { return initial_model(classifier({13, 11, 1}, layer_lists[which])); };
  const auto statistics = [](const LoadedModel& model, const AdaptOptions& options = {}) {
    return adapt(model, support_of(model, unequal), options).statistics();
  };
  CHECK_FALSE(statistics(of(0)).has_value());
  CHECK(statistics(of(2)) == Statistics::support);
  CHECK(statistics(of(3)) == Statistics::support);
  CHECK(statistics(of(4)) == Statistics::running);
  CHECK(statistics(of(4), {.statistics = Statistics::support}) == Statistics::support);

  const LoadedModel model = of(2);
  const AdaptedModel whole = adapt(model, support_of(model, unequal), {.statistics = Statistics::transductive});
  CHECK_FALSE(whole.needs_support());
  const auto x = noise(3 * model.model->input().size(), 2);
  const auto together = whole.outputs(x);
  const auto alone = whole.outputs(std::span(x).first(x.size() / 3));
  CHECK_FALSE(same_bytes(alone, {together.begin(), together.begin() + 5}));
}

TEST_CASE("adapt: a call that is one batch is within the budget, or refused") {
  const LoadedModel model = initial_model(classifier({13, 11, 1}, layer_lists[2]));
  const auto adapted_within = [&](std::size_t budget) {
    return adapt(model, support_of(model, unequal), {.statistics = Statistics::transductive, .budget = budget});
  };
  const auto x = noise(300 * model.model->input().size(), 2);
  const AdaptedModel frugal = adapted_within(std::size_t{1} << 20);
  CHECK_THROWS_WITH_AS(frugal.outputs(x), doctest::Contains("[memory] a batch of 300 rows"), BudgetError);
  const auto few = std::span(x).first(20 * model.model->input().size());
  CHECK(same_bytes(frugal.outputs(few), adapted_within(default_budget).outputs(few)));
}

TEST_CASE("adapt: parameters and predictions are those of an evaluation's task, with a frozen front too") {
  const ScratchFolder scratch;
  SmallPack pack;
  pack.write(scratch.file("small.maml"));
  for (const auto* algorithm : {"maml", "anil", "meta_sgd"})
    for (const auto* normalisation : {"mean", "sum/shots"}) {
      CAPTURE(algorithm);
      Options options = classifier({6, 6, 1}, {"conv2d 4 kernel=3 padding=same", "batch_norm mode=transductive", "relu",
                                               "flatten", "linear 3 init=he"});
      options.model.normalisation = normalisation;
      options.outer.algorithm = algorithm;
      options.data.file = scratch.file("small.maml");
      options.data.ways = 3;
      options.data.shots = 2;
      options.data.query_shots = 4;
      const Experiment experiment(options);
      LoadedModel model = initial_model(experiment.options);
      for (std::size_t i = 0; i < model.weights.rates.size(); ++i)
        model.weights.rates[i] *= 1 + static_cast<float>(i % 5) / 10;
      const Mode mode{.evaluating = true, .statistics = Statistics::support};
      InnerOptions inner = model.options.inner;
      inner.steps = 5;  // more than trained
      const EpisodeOptions episode = episode_options(*model.model, mode, inner, training_size(model.options.data));
      const auto task = experiment.domain->group<float>(1, episode);
      task->draw({.seed = 4, .purpose = Purpose::test_task});
      const InnerLoop<float> loop(*model.model, model.options.inner, mode);
      AdaptationOptions sizes;
      sizes.steps = inner.steps;
      sizes.support_rows = 6;
      sizes.query_rows = 18;
      sizes.second_order = false;
      const auto adaptation = loop.adaptation(sizes, false);
      adaptation->set_rates(model.weights.rates.data());
      adaptation->run(model.weights.parameters.data(), *task);
      float loss = 0, accuracy = 0;
      adaptation->query(inner.steps, &loss, &accuracy, nullptr);

      const Batch<float> support = task->support(0, {}), query = task->query({});
      REQUIRE(query.support_rows == 6);
      const AdaptedModel adapted =
          adapt(model, {{support.x, support.x + 6 * 36}, {support.y, support.y + 6}}, {.steps = inner.steps});
      CHECK(same_bytes(adapted.parameters(), {adaptation->theta(inner.steps).theta,
                                              adaptation->theta(inner.steps).theta + model.model->parameters()}));
      CHECK_FALSE(same_bytes(adapted.parameters(), model.weights.parameters));
      const auto probabilities = adapted.probabilities({query.x + 6 * 36, 12 * 36});
      int right = 0;
      for (std::size_t row = 0; row < 12; ++row) {
        const auto* own = &probabilities[row * 3];
        right += std::max_element(own, own + 3) - own == static_cast<std::ptrdiff_t>(query.y[6 + row]);
      }
      CHECK(static_cast<float>(right) / 12 == accuracy);
    }
}

TEST_CASE("adapt: steps are those of training unless given, and none leaves the parameters alone") {
  const LoadedModel model = initial_model(classifier({13, 11, 1}, layer_lists[2]));
  const SupportSet support = support_of(model, unequal);
  CHECK(adapt(model, support).steps() == 3);
  CHECK(same_bytes(adapt(model, support).parameters(), adapt(model, support, {.steps = 3}).parameters()));
  CHECK(same_bytes(adapt(model, support, {.steps = 0}).parameters(), model.weights.parameters));
  CHECK_FALSE(same_bytes(adapt(model, support, {.steps = 4}).parameters(), adapt(model, support).parameters()));
}

TEST_CASE("adapt: every class counts as much, however many rows it has, as if all had as many") {
  for (const auto* normalisation : {"mean", "sum/shots"})
    for (const std::vector<float>& labels : {std::vector<float>{0, 1, 1}, {1, 2, 0, 2, 2, 2, 1}, {1, 0, 2}}) {
      Options options = classifier({4, 4, 1}, {"flatten", "linear 7 init=he", "tanh", "linear 3 init=he"});
      options.model.normalisation = normalisation;
      const LoadedModel model = initial_model(options);
      const SupportSet given = support_of(model, labels);
      // Each row of a class of n rows 4 / n times.
      SupportSet repeated;
      for (std::size_t row = 0; row < labels.size(); ++row)
        for (auto n = 4 / std::count(labels.begin(), labels.end(), labels[row]); n > 0; --n) {
          const auto begin = given.x.begin() + static_cast<std::ptrdiff_t>(row * 16);
          repeated.x.insert(repeated.x.end(), begin, begin + 16);
          repeated.y.push_back(labels[row]);
        }
      const auto a = adapt(model, given).parameters(), b = adapt(model, repeated).parameters();
      for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) < 2e-6f);
      CHECK_FALSE(same_bytes(a, model.weights.parameters));
    }
}

TEST_CASE("adapt: fewer classes than outputs share all of the probability") {
  const LoadedModel model = initial_model(classifier({13, 11, 1}, layer_lists[2]));
  const AdaptedModel adapted = adapt(model, support_of(model, {1, 0, 1}));
  CHECK(adapted.classes() == 2);
  const auto x = noise(4 * model.model->input().size(), 2);
  const auto outputs = adapted.outputs(x);
  const auto probabilities = adapted.probabilities(x);
  REQUIRE(probabilities.size() == 8);
  for (std::size_t row = 0; row < 4; ++row) {
    CHECK(probabilities[row * 2] + probabilities[row * 2 + 1] == doctest::Approx(1));
    CHECK(std::log(probabilities[row * 2] / probabilities[row * 2 + 1]) ==
          doctest::Approx(static_cast<double>(outputs[row * 5]) - static_cast<double>(outputs[row * 5 + 1])));
  }
}

TEST_CASE("adapt: what does not fit is refused by name") {
  const LoadedModel model = initial_model(classifier({4, 4, 1}, {"flatten", "linear 3 init=he"}));
  const auto refused = [&](const SupportSet& support, const std::string& text, const AdaptOptions& options = {}) {
    CHECK_THROWS_WITH_AS(adapt(model, support, options), doctest::Contains(text.c_str()), Error);
  };
  refused({{}, {}}, "[support.x] has no rows");
  refused({noise(17, 1), {0}}, "[support.x] has 17 values, which are not whole rows of 16");
  refused({noise(32, 1), {0}}, "[support.y] has 1 values, but 2 support rows want 2");
  refused(support_of(model, {0, 0}), "[support.y] has one class only");
  refused(support_of(model, {0, 2}), "[support.y] has no row of class 1");
  refused(support_of(model, {0, 3}), "[support.y] holds the label 3, but the model tells 3 classes apart");
  refused(support_of(model, {0, -1}), "holds the label -1");
  refused(support_of(model, {0, 0.5}), "holds the label 0.5");
  refused(support_of(model, {0, std::nanf("")}), "[support.y] holds a value that is not finite");
  auto infinite = support_of(model, {0, 1});
  infinite.x[5] = INFINITY;
  refused(infinite, "[support.x] holds a value that is not finite");
  refused(support_of(model, {0, 1}), "[steps] is -1", {.steps = -1});
  const LoadedModel steep = initial_model([] {
    Options options = classifier({4, 4, 1}, {"flatten", "linear 3 init=he"});
    options.inner.alpha = RateTable(1e38);
    return options;
  }());
  CHECK_THROWS_WITH_AS(adapt(steep, support_of(steep, {0, 1}), {.steps = 9}),
                       doctest::Contains("not finite after 9 inner steps"), Error);
  CHECK_THROWS_WITH_AS(
      AdaptedModel(*model.model,
                   {.parameters = model.weights.parameters, .state = model.weights.state, .classes = 2, .steps = -1}),
      doctest::Contains("[adapted] has gone -1 inner steps"), Error);
  const AdaptedModel adapted = adapt(model, support_of(model, {0, 1}));
  CHECK(adapted.outputs({}).empty());
  CHECK_THROWS_WITH_AS(adapted.outputs(noise(15, 1)), doctest::Contains("[query.x] has 15 values"), Error);
  auto holed = noise(32, 1);
  holed[20] = NAN;
  CHECK_THROWS_WITH_AS(adapted.outputs(holed),
                       "[query.x] holds a value that is not finite in row 1 (mend it, or leave the row out)", Error);
  // Without layers that keep them there are no statistics to ask for; with layers that keep none of their own, an
  // error.
  CHECK_FALSE(adapt(model, support_of(model, {0, 1}), {.statistics = Statistics::running}).statistics().has_value());
  const LoadedModel norm = initial_model(classifier({13, 11, 1}, layer_lists[2]));
  CHECK_THROWS_AS(adapt(norm, support_of(norm, unequal), {.statistics = Statistics::running}), Error);
}

TEST_CASE("adapt: a model for values adapts to points") {
  Options options;
  options.model.layers = {"linear 8 init=he", "tanh", "linear 1 init=he"};
  options.inner.alpha = RateTable(0.05);
  const LoadedModel model = initial_model(options);
  const SupportSet line{{-1, 0, 1, 2}, {0.5f, 1, 1.5f, 2}};
  const auto error = [&](int steps) {
    const AdaptedModel adapted = adapt(model, line, {.steps = steps});
    const auto y = adapted.outputs(line.x);
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += std::pow(static_cast<double>(y[i] - line.y[i]), 2);
    CHECK(adapted.classes() == 0);
    CHECK_THROWS_WITH_AS(adapted.probabilities(line.x), doctest::Contains("are a classifier's"), Error);
    return sum;
  };
  CHECK(error(50) < 0.2 * error(0));
}

TEST_CASE("adapt: kept in a file, it predicts the same bits, and its parameters are read as any others") {
  const ScratchFolder scratch;
  const std::string path = scratch.file("adapted.safetensors");
  for (const auto& layers : layer_lists) {
    Options options = classifier({13, 11, 1}, layers);
    options.data.preparation = "nearest inverted";
    const LoadedModel model = initial_model(options);
    const AdaptedModel adapted = adapt(model, support_of(model, {1, 0, 1, 2}));
    CHECK_THROWS_WITH_AS(write_adapted(path, model, adapted, {"a"}), doctest::Contains("wants names for 3 classes"),
                         Error);
    write_adapted(path, model, adapted, {"b", "a \"quoted\" é", "c"});
    const LoadedAdapted again = read_adapted(path);
    CHECK(again.classes == std::vector<std::string>{"b", "a \"quoted\" é", "c"});
    CHECK(again.loaded.options.data.preparation == "nearest inverted");
    CHECK(again.loaded.isa == isa_name(active_isa()));
    CHECK((again.adapted.steps() == 3 && again.adapted.statistics() == adapted.statistics()));
    const auto x = noise(4 * model.model->input().size(), 2);
    CHECK(same_bytes(again.adapted.outputs(x), adapted.outputs(x)));
    CHECK(again.adapted.probabilities(x) == adapted.probabilities(x));
    CHECK(same_bytes(read_weights(path, *model.model, model.options).parameters, adapted.parameters()));
  }
  const std::string bytes = bytes_of(path);
  put_bytes(path, bytes.substr(0, bytes.size() - 1) + static_cast<char>(bytes.back() ^ 1));
  CHECK_THROWS_WITH_AS(read_adapted(path), doctest::Contains("is damaged: checksum differs"), Error);
  Checkpoint checkpoint;
  const LoadedModel model = initial_model(classifier({13, 11, 1}, layer_lists[0]));
  checkpoint.weights = model.weights;
  write_checkpoint(path, *model.model, model.options, checkpoint, "");
  CHECK_THROWS_WITH_AS(read_adapted(path), doctest::Contains("is no adapted model"), Error);
}
