#include <doctest/doctest.h>

#include <filesystem>

#include "maml/base/error.h"
#include "maml/io/safetensors.h"
#include "maml/train/checkpoint.h"
#include "maml/train/run_folder.h"
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
  for (const char* learned : {"no", "number", "layer", "layer-step", "element", "element-step"}) {
    INFO(learned);
    Options options = small_run();
    options.model.layers = {"linear 8", "batch_norm mode=running", "relu", "linear 1"};
    options.inner.learned = learned;
    const Experiment experiment(options);
    const Checkpoint checkpoint = full(experiment);
    write_checkpoint(path, *experiment.model, experiment.options, checkpoint, "");
    const Checkpoint back = read_checkpoint(path, *experiment.model, experiment.options, true);
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
    write_checkpoint(path, *experiment.model, experiment.options, back, "");
    CHECK(bytes_of(path) == bytes);

    const auto file = read_checked(path);
    CHECK(file.at("linear1.weight").shape == std::vector<std::size_t>{8, 1});
    CHECK(file.at("state.norm1.running_mean").shape == std::vector<std::size_t>{8});
    CHECK(file.find("outer.v.linear2.bias") != nullptr);
    if (std::string(learned) == "layer-step")
      CHECK(file.at("alpha.linear1.weight").shape == std::vector<std::size_t>{2});
    if (std::string(learned) == "element")
      CHECK(file.at("alpha.linear1.weight").shape == std::vector<std::size_t>{8, 1});
    if (std::string(learned) == "element-step")
      CHECK(file.at("alpha.linear1.weight").shape == std::vector<std::size_t>{2, 8, 1});
  }
}

TEST_CASE("checkpoint: with any byte changed, or cut anywhere, it is refused") {
  const maml_test::ScratchFolder folder;
  const std::string path = folder.file("a.safetensors");
  Options options = small_run();
  options.model.layers = {"linear 2", "relu", "linear 1"};
  const Experiment experiment(options);
  write_checkpoint(path, *experiment.model, experiment.options, full(experiment), "");
  const std::string bytes = bytes_of(path);
  std::size_t taken = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    put_bytes(path, damaged);
    const auto error = error_of([&] { read_checkpoint(path, *experiment.model, experiment.options, true); });
    taken += error.empty();
    if (!error.empty()) CHECK(error.find(path) != std::string::npos);
  }
  for (std::size_t length = 0; length < bytes.size(); length += 7) {
    put_bytes(path, bytes.substr(0, length));
    taken += error_of([&] { read_checkpoint(path, *experiment.model, experiment.options, true); }).empty();
  }
  CHECK(taken == 0);
}

TEST_CASE("checkpoint: what belongs to something else is refused with the reason") {
  const maml_test::ScratchFolder folder;
  const std::string path = folder.file("a.safetensors");
  const Experiment experiment(small_run());
  write_checkpoint(path, *experiment.model, experiment.options, full(experiment), "");
  const auto reason = [&](const Options& options, bool same_run) {
    return error_of([&] { read_checkpoint(path, Model(options.model), options, same_run); });
  };
  Options other = experiment.options;
  other.train.seed = 1;
  CHECK(reason(other, true).find("[" + path + "] is of a run with other options: ") == 0);
  CHECK(reason(other, false).empty());
  Options wider = experiment.options;
  wider.model.layers[0] = "linear 9";
  CHECK(reason(wider, false).find("does not fit the model: [linear1.weight] has shape (8, 1), but") !=
        std::string::npos);
  Options deeper = experiment.options;
  deeper.model.layers.push_back("linear 1");
  CHECK(reason(deeper, false).find("[linear4.weight] is missing") != std::string::npos);

  TensorFile foreign;
  write_checked(path, foreign);
  CHECK(reason(experiment.options, true) ==
        "[" + path + "] is no checkpoint (put back the one that the training wrote)");
  foreign.metadata["format"] = "maml checkpoint 2";
  write_checked(path, foreign);
  CHECK(reason(experiment.options, true).find("is a 'maml checkpoint 2', but this version reads") != std::string::npos);
}

TEST_CASE("checkpoint: initial parameters may come from another run, with other rates") {
  const maml_test::ScratchFolder folder;
  const std::string path = folder.file("a.safetensors");
  const Experiment first(small_run());
  const Checkpoint checkpoint = full(first);
  write_checkpoint(path, *first.model, first.options, checkpoint, "");
  Options options = small_run();
  options.outer.algorithm = "meta_sgd";
  options.inner.alpha = 0.02;
  options.train.init = path;
  const Weights weights = Experiment(options).initial();
  CHECK(weights.parameters == checkpoint.weights.parameters);
  CHECK(weights.rates == std::vector<float>(weights.parameters.size(), 0.02f));
}

TEST_CASE("checkpoint: weights of any safetensors file, whole or by pattern") {
  const maml_test::ScratchFolder folder;
  const std::string path = folder.file("theirs.safetensors");
  const Experiment experiment(small_run());
  const Checkpoint checkpoint = full(experiment);
  TensorFile theirs;
  for (const auto& tensor : experiment.model->to_border(checkpoint.weights.parameters.data()))
    theirs.tensors.push_back(Tensor::of(tensor.name, tensor.shape, tensor.values.data()));
  write_safetensors(path, theirs);
  const LoadedModel loaded = load_model(small_run(), path);
  CHECK(loaded.weights.parameters == checkpoint.weights.parameters);
  CHECK(loaded.weights.rates == experiment.initial().rates);

  // A wider last layer: all the others come from the file.
  Options options = small_run();
  options.model.layers.back() = "linear 2 init=he";
  options.model.loss = "cross_entropy";
  const Model wider(resolved(options).model);
  const auto initial = wider.initial<float>(options.train.seed);
  const Weights part = read_weights(path, wider, options, {"*", "!linear3*"});
  const auto head = wider.slices()[4];
  CHECK(head.name == "linear3.weight");
  CHECK(std::equal(part.parameters.begin(), part.parameters.begin() + static_cast<std::ptrdiff_t>(head.offset),
                   checkpoint.weights.parameters.begin()));
  CHECK(std::equal(part.parameters.begin() + static_cast<std::ptrdiff_t>(head.offset), part.parameters.end(),
                   initial.begin() + static_cast<std::ptrdiff_t>(head.offset)));
  CHECK(error_of([&] { read_weights(path, wider, options); }).find("[" + path + "] does not fit the model: ") == 0);
  CHECK(error_of([&] {
          read_weights(path, wider, options, {"conv*"});
        }).find("[train.init_take] the pattern 'conv*' matches no parameter") == 0);

  // A checksum counts where there is one.
  write_checkpoint(path, *experiment.model, experiment.options, checkpoint, "");
  CHECK(load_model(small_run(), path).weights.parameters == checkpoint.weights.parameters);
  std::string bytes = bytes_of(path);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  put_bytes(path, bytes);
  CHECK(error_of([&] { load_model(small_run(), path); }).find("damaged") != std::string::npos);
}
