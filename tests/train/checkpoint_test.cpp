#include <doctest/doctest.h>

#include <filesystem>

#include "maml/base/error.h"
#include "maml/io/safetensors.h"
#include "maml/train/checkpoint.h"
#include "tests/io/scratch_folder.h"
#include "tests/train/small_run.h"

using namespace maml;
using maml_test::bytes_of;
using maml_test::put_bytes;
using test::error_of;
using test::small_run;

namespace {

/// A checkpoint with a different value everywhere.
Checkpoint full(const Experiment& experiment) {
  Checkpoint checkpoint;
  checkpoint.iteration = 12;
  checkpoint.weights = experiment.initial();
  float next = 0.1f;
  const auto fill = [&](std::vector<float>& values) {
    for (float& value : values) value = next += 0.37f;
  };
  fill(checkpoint.weights.parameters);
  fill(checkpoint.weights.state);
  OptimiserState outer{12, {checkpoint.weights.parameters, checkpoint.weights.parameters}};
  for (auto& moment : outer.moments) fill(moment);
  checkpoint.parameters_state = outer;
  if (experiment.options.inner.learned != "no") {
    fill(checkpoint.weights.rates);
    OptimiserState rates{12, {checkpoint.weights.rates, checkpoint.weights.rates}};
    for (auto& moment : rates.moments) fill(moment);
    checkpoint.rates_state = rates;
  }
  checkpoint.sums = {1.0 / 3, 2.5, 1e-9, 2};
  checkpoint.best = Best{10, 0.1};
  checkpoint.isa = "avx2";
  checkpoint.digest = digest(experiment.options);
  return checkpoint;
}

}  // namespace

TEST_CASE("checkpoint: comes back to the bit, under PyTorch's names, for each kind of learned rates") {
  const maml_test::ScratchFolder folder;
  const std::string path = folder.file("a.safetensors");
  for (const char* learned : {"no", "number", "layer", "layer-step", "element"}) {
    INFO(learned);
    Options options = small_run();
    options.model.layers = {"linear 8", "batch_norm mode=running", "relu", "linear 1"};
    options.inner.learned = learned;
    const Experiment experiment(options);
    const Checkpoint checkpoint = full(experiment);
    write_checkpoint(path, experiment, checkpoint, "");
    const Checkpoint back = read_checkpoint(path, experiment, true);
    CHECK(back.weights.parameters == checkpoint.weights.parameters);
    CHECK(back.weights.rates == checkpoint.weights.rates);
    CHECK(back.weights.state == checkpoint.weights.state);
    CHECK(back.parameters_state.value().moments == checkpoint.parameters_state.value().moments);
    CHECK(back.rates_state.has_value() == checkpoint.rates_state.has_value());
    if (back.rates_state) CHECK(back.rates_state->moments == checkpoint.rates_state->moments);
    CHECK(back.sums.loss == checkpoint.sums.loss);
    CHECK(back.sums.count == 2);
    CHECK(back.best.value().value == 0.1);
    CHECK(back.iteration == 12);
    CHECK(back.isa == "avx2");
    const std::string bytes = bytes_of(path);
    write_checkpoint(path, experiment, back, "");
    CHECK(bytes_of(path) == bytes);

    const auto file = read_checked(path);
    CHECK(file.at("linear1.weight").shape == std::vector<std::size_t>{8, 1});
    CHECK(file.at("state.norm1.running_mean").shape == std::vector<std::size_t>{8});
    CHECK(file.find("outer.v.linear2.bias") != nullptr);
    if (std::string(learned) == "layer-step")
      CHECK(file.at("alpha.linear1.weight").shape == std::vector<std::size_t>{2});
    if (std::string(learned) == "element")
      CHECK(file.at("alpha.linear1.weight").shape == std::vector<std::size_t>{8, 1});
  }
}

TEST_CASE("checkpoint: with any byte changed, or cut anywhere, it is refused") {
  const maml_test::ScratchFolder folder;
  const std::string path = folder.file("a.safetensors");
  Options options = small_run();
  options.model.layers = {"linear 2", "relu", "linear 1"};
  const Experiment experiment(options);
  write_checkpoint(path, experiment, full(experiment), "");
  const std::string bytes = bytes_of(path);
  std::size_t taken = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    put_bytes(path, damaged);
    const auto error = error_of([&] { read_checkpoint(path, experiment, true); });
    taken += error.empty();
    if (!error.empty()) CHECK(error.find(path) != std::string::npos);
  }
  for (std::size_t length = 0; length < bytes.size(); length += 7) {
    put_bytes(path, bytes.substr(0, length));
    taken += error_of([&] { read_checkpoint(path, experiment, true); }).empty();
  }
  CHECK(taken == 0);
}

TEST_CASE("checkpoint: what belongs to something else is refused with the reason") {
  const maml_test::ScratchFolder folder;
  const std::string path = folder.file("a.safetensors");
  const Experiment experiment(small_run());
  write_checkpoint(path, experiment, full(experiment), "");
  const auto reason = [&](const Options& options, bool same_run) {
    return error_of([&] { read_checkpoint(path, Experiment(options), same_run); });
  };
  Options other = small_run();
  other.train.seed = 1;
  CHECK(reason(other, true).find("[" + path + "] is of a run with other options: ") == 0);
  CHECK(reason(other, false).empty());
  Options wider = small_run();
  wider.model.layers[0] = "linear 9";
  CHECK(reason(wider, false).find("does not fit the model: [linear1.weight] has shape (8, 1), but") !=
        std::string::npos);
  Options deeper = small_run();
  deeper.model.layers.push_back("linear 1");
  CHECK(reason(deeper, false).find("[linear4.weight] is missing") != std::string::npos);

  TensorFile foreign;
  write_checked(path, foreign);
  CHECK(reason(small_run(), true) == "[" + path + "] is no checkpoint");
  foreign.metadata["format"] = "maml checkpoint 2";
  write_checked(path, foreign);
  CHECK(reason(small_run(), true).find("is a 'maml checkpoint 2', but this version reads") != std::string::npos);
}

TEST_CASE("checkpoint: initial parameters may come from another run, with other rates") {
  const maml_test::ScratchFolder folder;
  const std::string path = folder.file("a.safetensors");
  const Experiment first(small_run());
  const Checkpoint checkpoint = full(first);
  write_checkpoint(path, first, checkpoint, "");
  Options options = small_run();
  options.outer.algorithm = "meta_sgd";
  options.inner.alpha = 0.02;
  options.train.init = path;
  const Weights weights = Experiment(options).initial();
  CHECK(weights.parameters == checkpoint.weights.parameters);
  CHECK(weights.rates == std::vector<float>(weights.parameters.size(), 0.02f));
}
