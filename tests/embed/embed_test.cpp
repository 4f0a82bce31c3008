#include "tests/embed/embedded.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <thread>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "maml/diff/check_task.h"
#include "maml/export/embed.h"
#include "maml/export/embed_format.h"
#include "maml/train/adapted_file.h"
#include "maml/train/experiment.h"
#include "maml/train/inner_loop.h"
#include "maml/train/outer_loop.h"
#include "maml/train/run_folder.h"
#include "tests/support/error_of.h"
#include "tests/support/same_bytes.h"
#include "tests/support/sanitized.h"
#include "tests/support/stack_used.h"

using namespace maml;
using namespace maml::test;

namespace {

Options regressor() {
  Options options;
  options.model.input = {1};
  options.model.layers = {"linear 40 init=he", "relu", "linear 40 init=he", "relu", "linear 1 init=he"};
  options.inner.alpha = RateTable(0.01);
  options.inner.steps = 2;
  return options;
}

/// Unequal numbers of rows a class, in no order; and equal ones.
const std::vector<float> unequal = {2, 0, 1, 4, 3, 3, 0, 4, 3}, equal = {0, 1, 2, 3, 4, 4, 3, 2, 1, 0};

/// Each layer that maml_adapt has, alone and where a batch norm takes it in; channels below and above 8 (joined taps).
const std::vector<std::vector<std::string>> layer_lists = {
    {"flatten", "linear 17 init=he", "relu", "linear 5 init=he bias=false"},
    {"flatten", "linear 17 init=he", "batch_norm mode=transductive", "relu", "linear 5 init=he"},
    {"conv2d 9 kernel=3 stride=2 padding=same", "batch_norm mode=transductive gamma=false", "relu",
     "conv2d 16 kernel=3 padding=same", "batch_norm mode=transductive gamma=false", "relu", "max_pool 2", "flatten",
     "linear 5 init=he"},
    {"conv2d 32 kernel=3 padding=same", "batch_norm mode=transductive", "relu", "max_pool 2",
     "conv2d 40 kernel=3 padding=same", "batch_norm mode=transductive", "relu", "max_pool 2", "flatten",
     "linear 5 init=he"},
    {"conv2d 6 kernel=3 padding=same", "batch_norm mode=support per_step=2", "relu", "max_pool 2", "global_mean",
     "linear 5 init=he"},
    {"conv2d 6 kernel=3 padding=same", "batch_norm mode=running", "leaky_relu slope=-0.1", "max_pool 2", "flatten",
     "linear 5 init=he"},
    {"conv2d 12 kernel=5 stride=3 padding=valid", "relu", "conv2d 8 kernel=2 padding=same bias=false",
     "avg_pool 2 stride=1", "max_pool 2", "flatten", "batch_norm", "linear 5 init=he"},
};

/// That both adapt to the same bytes, and answer with the same; the adapted models too, as files.
void check_same(const LoadedModel& model, const std::vector<float>& labels, int steps) {
  const SupportSet support = support_of(model, labels);
  const std::size_t rows = labels.size(), inputs = model.model->input().size();
  const AdaptedModel adapted = adapt(model, support, {.steps = steps});
  Embedded embedded(format_embed(model), rows + 1, 4);
  REQUIRE(embedded.status() == MAML_ADAPT_OK);
  REQUIRE(embedded.run(support, rows, steps) == MAML_ADAPT_OK);
  CHECK(maml_adapt_classes(embedded.context()) == adapted.classes());
  const auto saved = embedded.saved();
  CHECK(same_bytes(saved, format_embed(model, adapted)));
  const auto x = noise(11 * inputs, 2);  // in three turns
  const auto outputs = adapted.outputs(x);
  CHECK(same_bytes(embedded.outputs(x), outputs));
  CHECK_FALSE(same_bytes(adapted.parameters(), model.weights.parameters));

  Embedded again(saved, 0, 7);
  REQUIRE(again.status() == MAML_ADAPT_OK);
  CHECK(same_bytes(again.outputs(x), outputs));
  CHECK(maml_adapt_classes(again.context()) == adapted.classes());
  CHECK(same_bytes(again.saved(), saved));
  CHECK(again.run(support, rows, steps) == MAML_ADAPT_IS_ADAPTED);
}

/// The preset's model after so many meta-iterations.
LoadedModel trained(const std::string& name, std::int64_t iterations) {
  LoadedModel result = initial_model(preset(name));
  const auto domain = make_domain(result.options.data, result.model.get());
  OuterLoop loop(*result.model, *domain, result.options, 1, result.weights);
  for (std::int64_t i = 0; i < iterations; ++i) loop.step(result.weights, i);
  return result;
}

/// What a model says of rows x after it adapted, all in double precision; batch norm as `adapt` has it.
std::vector<double> outputs_in_double(const LoadedModel& model, const SupportSet& support, std::size_t shots,
                                      const std::vector<float>& x) {
  const Mode mode{.evaluating = true, .statistics = adapting_statistics(*model.model)};
  const auto doubles = [](const std::vector<float>& values) {
    return std::vector<double>(values.begin(), values.end());
  };
  const auto theta_0 = doubles(model.weights.parameters), rates = doubles(model.weights.rates),
             state = doubles(model.weights.state);
  CheckData data;
  data.tasks = data.targets = 1;
  data.inputs = model.model->input().size();
  data.support_rows = support.y.size();
  data.shots = shots;
  data.x = doubles(support.x);
  data.y = doubles(support.y);
  CheckTask<double> task(data, 0, 1);
  AdaptationOptions options;
  options.steps = model.options.inner.steps;
  options.support_rows = support.y.size();
  options.second_order = false;
  const InnerLoop<double> loop(*model.model, model.options.inner, mode, state.data());
  const auto adaptation = loop.adaptation(options, false);
  adaptation->set_rates(rates.data());
  adaptation->run(theta_0.data(), task);

  std::vector<double> rows = data.x;
  rows.insert(rows.end(), x.begin(), x.end());
  Batch<double> batch;
  batch.rows = rows.size() / model.model->input().size();
  batch.support_rows = support.y.size();
  batch.x = rows.data();
  const std::size_t size = model.model->output().size();
  const Predictor<double> predict(*model.model, mode, state.data());
  std::vector<double> tape(predict.tape_size(batch.rows)), outputs(batch.rows * size);
  predict(adaptation->theta(options.steps), batch, tape.data(), outputs.data(), 0);
  return {outputs.begin() + static_cast<std::ptrdiff_t>(batch.support_rows * size), outputs.end()};
}

/// That what maml_adapt says after it adapted is off by rounding alone: at most so many epsilons of float, times the
/// largest output.
void check_rounding(const LoadedModel& model, const std::vector<float>& labels, std::size_t shots, double epsilons) {
  const SupportSet support = support_of(model, labels);
  const auto x = noise(11 * model.model->input().size(), 2);
  Embedded embedded(format_embed(model), labels.size(), 4);
  REQUIRE(embedded.run(support, labels.size()) == MAML_ADAPT_OK);
  const auto given = embedded.outputs(x);
  const auto exact = outputs_in_double(model, support, shots, x);
  REQUIRE(given.size() == exact.size());
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    largest = std::max(largest, std::abs(exact[i]));
    difference = std::max(difference, std::abs(static_cast<double>(given[i]) - exact[i]));
  }
  CHECK(difference <= epsilons * static_cast<double>(std::numeric_limits<float>::epsilon()) * largest);
}

std::vector<std::byte> small_file() {
  Options options = classifier(
      {5, 5, 1}, {"conv2d 2 kernel=3 padding=same", "batch_norm", "relu", "max_pool 2", "flatten", "linear 3 init=he"});
  options.data.ways = 3;
  options.data.licence = "Ask first.";
  return format_embed(untrained(options));
}

int describe(const std::vector<std::byte>& file) {
  maml_adapt_model model;
  return maml_adapt_describe(file.data(), file.size(), &model);
}

}  // namespace

TEST_CASE("maml_adapt: adapts and predicts as the library does, to the bit: layers, normalisations, labels") {
  for (const auto& layers : layer_lists)
    for (const auto* normalisation : {"mean", "sum/shots"})
      for (const auto& labels : {unequal, equal}) {
        CAPTURE(layers[0]);
        CAPTURE(layers[2]);
        Options options = classifier({13, 11, 2}, layers);
        options.model.normalisation = normalisation;
        check_same(untrained(options), labels, 3);
      }
}

TEST_CASE("maml_adapt: rates of each algorithm, a frozen front, more steps than trained") {
  for (const auto* algorithm : {"maml", "anil", "boil", "meta_sgd", "reptile"})
    for (const int steps : {1, 3, 5}) {
      CAPTURE(algorithm);
      CAPTURE(steps);
      Options options = classifier({6, 6, 1}, {"conv2d 4 kernel=3 padding=same", "batch_norm", "relu", "flatten",
                                               "linear 7 init=he", "relu", "linear 5 init=he"});
      options.outer.algorithm = algorithm;
      check_same(untrained(options), unequal, steps);
    }
  for (const auto* learned : {"number-step", "layer", "layer-step", "element-step"}) {
    CAPTURE(learned);
    Options options = classifier({6, 6, 1}, {"flatten", "linear 7 init=he", "relu", "linear 5 init=he"});
    options.inner.learned = learned;
    check_same(untrained(options), unequal, 4);
  }
}

TEST_CASE("maml_adapt: regression") {
  for (const auto* normalisation : {"mean", "sum/shots"}) {
    Options options = regressor();
    options.model.normalisation = normalisation;
    check_same(untrained(options), std::vector<float>(10), 2);
  }
}

TEST_CASE("maml_adapt: the models of the presets") {
  for (const auto* name : {"sinusoid-10shot", "omniglot-5way-1shot", "omniglot-mlp-5way-1shot"}) {
    CAPTURE(name);
    check_same(untrained(preset(name)), {0, 1, 2, 3, 4}, 2);
  }
}

// The bounds on rounding are three times what was measured, the worst model on the worst instruction set.
TEST_CASE("maml_adapt [slow]: the models of the zoo, a trained sinusoid, and large images") {
  std::size_t models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MAML_SOURCE_DIR "/zoo")) {
    if (!is_run_folder(entry.path().string())) continue;
    CAPTURE(entry.path().string());
    const LoadedRun run = load_run(entry.path().string());
    check_same(run, {0, 1, 2, 3, 4}, run.options.inner.steps);
    const std::string& first = run.model->layer(0).info().kind;
    check_rounding(run, {0, 1, 2, 3, 4}, 1, first == "conv2d" ? 35 : 330);
    ++models;
  }
  CHECK(models > 0);
  const LoadedModel waves = trained("sinusoid-10shot", 300);
  check_same(waves, std::vector<float>(10), 5);
  check_rounding(waves, std::vector<float>(10), 10, 5);
  const LoadedModel large = untrained(preset("mini-imagenet-5way-1shot"));
  check_same(large, equal, 5);
  // Of its millions of rectifiers and poolings rounding turns some over, each worth many roundings.
  check_rounding(large, equal, 2, 100000);
}

TEST_CASE("maml_adapt: a context is used again, forgets what it was adapted to, and refuses what cannot be") {
  const LoadedModel model = untrained(classifier({13, 11, 1}, layer_lists[2]));
  const std::size_t inputs = 143;
  Embedded embedded(format_embed(model), 9, 5);
  const auto x = noise(3 * inputs, 2);
  SupportSet support = support_of(model, unequal);
  (void)embedded.outputs(x);
  CHECK(embedded.status() == MAML_ADAPT_NOT_ADAPTED);
  std::size_t bytes = 0;
  CHECK(maml_adapt_saved_bytes(embedded.context(), &bytes) == MAML_ADAPT_NOT_ADAPTED);
  CHECK(maml_adapt_classes(embedded.context()) == 0);

  CHECK(embedded.run(support, 9) == MAML_ADAPT_OK);
  const auto first = embedded.outputs(x);
  SupportSet fewer = support_of(model, {1, 0, 1});
  CHECK(embedded.run(fewer, 3) == MAML_ADAPT_OK);
  CHECK(maml_adapt_classes(embedded.context()) == 2);
  CHECK_FALSE(same_bytes(embedded.outputs(x), first));
  CHECK(embedded.run(support, 9) == MAML_ADAPT_OK);
  CHECK(same_bytes(embedded.outputs(x), first));

  const auto with_label = [&](float label) {
    SupportSet changed = support;
    changed.y[1] = label;
    return embedded.run(changed, 9);
  };
  CHECK(with_label(5) == MAML_ADAPT_LABEL);
  CHECK(with_label(-1) == MAML_ADAPT_LABEL);
  CHECK(with_label(0.5f) == MAML_ADAPT_LABEL);
  CHECK(with_label(1e30f) == MAML_ADAPT_LABEL);
  CHECK(with_label(std::numeric_limits<float>::infinity()) == MAML_ADAPT_NOT_FINITE);
  CHECK(embedded.run({support.x, {0, 0, 0, 0, 0, 0, 0, 0, 0}}, 9) == MAML_ADAPT_LABEL);
  CHECK(embedded.run({support.x, {0, 2, 0, 0, 0, 0, 0, 0, 0}}, 9) == MAML_ADAPT_LABEL);
  SupportSet broken = support;
  broken.x[7] = std::numeric_limits<float>::quiet_NaN();
  CHECK(embedded.run(broken, 9) == MAML_ADAPT_NOT_FINITE);
  CHECK(same_bytes(embedded.outputs(x), first));  // what was refused changed nothing

  CHECK(embedded.run(support, 10) == MAML_ADAPT_ROWS);
  CHECK(embedded.run(support, 0) == MAML_ADAPT_ARGUMENT);
  CHECK(embedded.run(support, 9, -2) == MAML_ADAPT_ARGUMENT);
  CHECK(maml_adapt_run(embedded.context(), nullptr, support.y.data(), 9, 1) == MAML_ADAPT_ARGUMENT);
  CHECK(maml_adapt_predict(nullptr, x.data(), 1, nullptr) == MAML_ADAPT_ARGUMENT);
  CHECK(maml_adapt_save(embedded.context(), &bytes, 8) == MAML_ADAPT_ARGUMENT);
}

TEST_CASE("maml_adapt: steps that diverge leave a context as new") {
  Options options = regressor();
  options.inner.alpha = RateTable(1e6);
  const LoadedModel model = untrained(options);
  Embedded embedded(format_embed(model), 10, 1);
  CHECK(embedded.run(support_of(model, std::vector<float>(10)), 10, 40) == MAML_ADAPT_DIVERGED);
  (void)embedded.outputs(noise(1, 2));
  CHECK(embedded.status() == MAML_ADAPT_NOT_ADAPTED);
}

TEST_CASE("maml_adapt: a call whose rows are one batch is not taken apart") {
  const LoadedModel model = untrained(classifier({13, 11, 1}, layer_lists[2]));
  const AdaptedModel adapted = adapt(model, support_of(model, unequal), {.statistics = Statistics::transductive});
  Embedded embedded(format_embed(model, adapted), 0, 3);
  const auto x = noise(4 * 143, 2);
  CHECK(same_bytes(embedded.outputs(std::span(x).first(3 * 143)), adapted.outputs(std::span(x).first(3 * 143))));
  (void)embedded.outputs(x);
  CHECK(embedded.status() == MAML_ADAPT_ROWS);
}

TEST_CASE("maml_adapt: an arena begins anywhere, is of the size asked for, and no smaller") {
  const LoadedModel model = untrained(classifier({13, 11, 1}, layer_lists[3]));
  const SupportSet support = support_of(model, unequal);
  const auto file = format_embed(model);
  const auto x = noise(3 * 143, 2);
  Embedded one(file, 9, 3);
  REQUIRE(one.run(support, 9) == MAML_ADAPT_OK);
  for (const std::size_t shift : {1, 7, 63}) {
    Embedded other(file, 9, 3, shift);
    REQUIRE(other.run(support, 9) == MAML_ADAPT_OK);
    CHECK(same_bytes(other.outputs(x), one.outputs(x)));
  }
  std::vector<std::byte> arena(one.arena_bytes());
  maml_adapt* context = nullptr;
  CHECK(maml_adapt_create(file.data(), file.size(), 9, 3, arena.data(), arena.size() - 1, &context) ==
        MAML_ADAPT_ARENA);
  CHECK(context == nullptr);
  std::size_t bytes = 0;
  CHECK(maml_adapt_arena_bytes(file.data(), file.size(), 0, 3, &bytes) == MAML_ADAPT_ARGUMENT);
  CHECK(maml_adapt_arena_bytes(file.data(), file.size(), std::size_t{1} << 40, 3, &bytes) == MAML_ADAPT_ARGUMENT);
  CHECK(maml_adapt_arena_bytes(file.data(), file.size(), 9, 3, nullptr) == MAML_ADAPT_ARGUMENT);
}

TEST_CASE("maml_adapt: contexts of one file work at the same time") {
  const LoadedModel model = untrained(classifier({13, 11, 1}, layer_lists[3]));
  const auto file = format_embed(model);
  const auto x = noise(6 * 143, 2);
  const auto answer = [&](const std::vector<float>& labels) {
    Embedded embedded(file, 10, 6);
    REQUIRE(embedded.run(support_of(model, labels), labels.size()) == MAML_ADAPT_OK);
    return embedded.outputs(x);
  };
  const auto first = answer(unequal), second = answer(equal);
  for (int round = 0; round < 5; ++round) {
    std::vector<float> here, there;
    std::thread other([&] { there = answer(equal); });
    here = answer(unequal);
    other.join();
    CHECK(same_bytes(here, first));
    CHECK(same_bytes(there, second));
  }
}

#if defined(__OPTIMIZE__) && !MAML_SANITIZED
TEST_CASE("maml_adapt: a stack of 20 KB is enough") {
  for (const std::string name : {"sinusoid-10shot", "omniglot-5way-1shot", "mini-imagenet-5way-1shot"}) {
    CAPTURE(name);
    const LoadedModel model = untrained(preset(name));
    const SupportSet support = support_of(model, {0, 1, 2, 3, 4});
    const auto file = format_embed(model);
    const std::size_t inputs = model.model->input().size();
    const auto x = noise(5 * inputs, 2);
    std::vector<float> outputs(5 * model.model->output().size());
    std::size_t arena_bytes = 0;
    REQUIRE(maml_adapt_arena_bytes(file.data(), file.size(), 5, 5, &arena_bytes) == MAML_ADAPT_OK);
    std::vector<std::byte> arena(arena_bytes), saved(file.size() + arena_bytes);
    int status = MAML_ADAPT_ARGUMENT;
    const std::size_t used = stack_used([&] {
      maml_adapt* context = nullptr;
      std::size_t saved_bytes = 0;
      if ((status = maml_adapt_create(file.data(), file.size(), 5, 5, arena.data(), arena.size(), &context)) ||
          (status = maml_adapt_run(context, support.x.data(), support.y.data(), 5, 1)) ||
          (status = maml_adapt_predict(context, x.data(), 5, outputs.data())) ||
          (status = maml_adapt_saved_bytes(context, &saved_bytes)))
        return;
      status = saved_bytes > saved.size() ? MAML_ADAPT_ARGUMENT : maml_adapt_save(context, saved.data(), saved_bytes);
    });
    CHECK(status == MAML_ADAPT_OK);
    CHECK(used > 1024);
    CHECK(used <= 20 * 1024);
  }
}
#endif

TEST_CASE("maml_adapt: a file is described, and refused where a bit is turned, bytes are missing or too many") {
  const auto file = small_file();
  maml_adapt_model model;
  REQUIRE(maml_adapt_describe(file.data(), file.size(), &model) == MAML_ADAPT_OK);
  CHECK(model.height == 5);
  CHECK(model.inputs == 25);
  CHECK(model.outputs == 3);
  CHECK(model.targets == 1);
  CHECK(model.is_classifier == 1);
  CHECK(model.steps == 3);
  CHECK(model.is_adapted == 0);
  CHECK(model.parameters == 2 * 9 + 2 + 2 + 2 + 8 * 3 + 3);
  CHECK(std::string(model.terms) == "Ask first.");
  CHECK(maml_adapt_abi() == MAML_ADAPT_ABI);

  auto changed = file;
  for (std::size_t i = 0; i < file.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      changed[i] = file[i] ^ static_cast<std::byte>(1 << bit);
      CAPTURE(i);
      CAPTURE(bit);
      CHECK(describe(changed) != MAML_ADAPT_OK);
      changed[i] = file[i];
    }
  for (std::size_t size = 0; size < file.size(); ++size)
    CHECK(maml_adapt_describe(file.data(), size, &model) != MAML_ADAPT_OK);
  changed.push_back(std::byte{0});
  CHECK(describe(changed) == MAML_ADAPT_DAMAGED);
  CHECK(maml_adapt_describe(nullptr, 100, &model) == MAML_ADAPT_ARGUMENT);
  CHECK(maml_adapt_describe(file.data() + 1, file.size() - 1, &model) == MAML_ADAPT_NOT_A_MODEL);
  std::vector<std::byte> moved(file.size() + 4);
  std::memcpy(moved.data() + 4, file.data(), file.size());
  CHECK(maml_adapt_describe(moved.data() + 4, file.size(), &model) == MAML_ADAPT_ALIGNMENT);
  CHECK(std::string(maml_adapt_error(MAML_ADAPT_DAMAGED)) == "the file is damaged (export or copy it again)");
  for (int status = 0; status < 14; ++status) CHECK(std::string(maml_adapt_error(status)) != maml_adapt_error(14));
}

TEST_CASE("maml_adapt: what a right checksum vouches for is looked at all the same") {
  const auto file = small_file();
  embed::FileHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  const embed::FileParts parts(header);
  const auto with = [&](std::uint64_t at, std::uint32_t value) {
    auto changed = file;
    std::memcpy(changed.data() + at, &value, 4);
    const std::uint64_t sum =
        embed::xxh64(changed.data() + embed::checksummed_from, changed.size() - embed::checksummed_from);
    std::memcpy(changed.data() + offsetof(embed::FileHeader, checksum), &sum, 8);
    return describe(changed);
  };
  REQUIRE(with(offsetof(embed::FileHeader, steps), 4) == MAML_ADAPT_OK);
  for (const std::size_t at :
       {offsetof(embed::FileHeader, height), offsetof(embed::FileHeader, outputs), offsetof(embed::FileHeader, layers),
        offsetof(embed::FileHeader, frozen), offsetof(embed::FileHeader, parameters),
        offsetof(embed::FileHeader, rate_sets), offsetof(embed::FileHeader, statistics)}) {
    CAPTURE(at);
    CHECK(with(at, 0xffffffff) == MAML_ADAPT_DAMAGED);
  }
  for (const std::size_t at : {offsetof(embed::LayerRecord, kind), offsetof(embed::LayerRecord, height),
                               offsetof(embed::LayerRecord, channels), offsetof(embed::LayerRecord, kernel),
                               offsetof(embed::LayerRecord, stride), offsetof(embed::LayerRecord, outputs)})
    for (const std::uint32_t value : {0u, 77u, 0xffffffffu}) {
      CAPTURE(at);
      if (at == offsetof(embed::LayerRecord, kind) && value == 0) continue;
      CHECK(with(parts.layers + at, value) == MAML_ADAPT_DAMAGED);
    }
}

TEST_CASE("maml_adapt: what it does not have is refused by name when a model is exported") {
  const auto error = [](Options options) { return error_of([&] { (void)format_embed(untrained(options)); }); };
  const auto with = [&](const std::string& layer) {
    return error(classifier({4, 4, 1}, {"flatten", "linear 4", layer, "linear 5"}));
  };
  CHECK(with("tanh").find("[tanh1] is a layer that maml_adapt does not have") == 0);
  CHECK(with("layer_norm").find("is a layer that maml_adapt does not have") != std::string::npos);
  CHECK(with("keep here").find("is a layer that maml_adapt does not have") != std::string::npos);
  Options momentum = classifier({4, 4, 1}, {"flatten", "linear 5"});
  momentum.inner.rule = "momentum";
  CHECK(error(momentum).find("[inner.rule] is momentum, which maml_adapt does not have") == 0);
  CHECK(error(classifier({300, 300, 1}, {"conv2d 1 kernel=256 stride=300", "flatten", "linear 5"}))
            .find("[conv1] has a kernel of 256") == 0);
}

TEST_CASE("maml_adapt: a model that its files have no room for is refused when it is exported") {
  const LoadedModel model = untrained(classifier({1}, {"linear 5", "batch_norm mode=support", "linear 5"}));
  const auto error = [&](std::size_t rows, int steps) {
    AdaptedModel::Parts parts;
    parts.parameters = model.weights.parameters;
    parts.state = model.weights.state;
    parts.support.x.resize(rows);
    parts.classes = 5;
    parts.steps = steps;
    parts.statistics = Statistics::support;
    const AdaptedModel adapted(*model.model, std::move(parts));
    return error_of([&] { (void)format_embed(model, adapted); });
  };
  constexpr std::size_t most_rows = embed::most_rows;
  constexpr auto most_steps = static_cast<int>(embed::most_steps);
  CHECK(error(most_rows, most_steps).empty());
  CHECK(error(most_rows + 1, 1).find("[export] has 1048577 support rows") == 0);
  CHECK(error(5, most_steps + 1).find("[export] has 1048577 inner steps") == 0);
}

TEST_CASE("maml_adapt: the checksum is XXH64") {
  std::vector<unsigned char> bytes(300);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i * 37 + 11);
  for (std::size_t size = 0; size <= bytes.size(); ++size)
    CHECK(embed::xxh64(bytes.data(), size) == XXH64(bytes.data(), size, 0));
}
