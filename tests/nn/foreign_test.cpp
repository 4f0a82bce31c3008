#include "maml/nn/foreign.h"

#include <doctest/doctest.h>

#include "maml/base/error.h"
#include "maml/tasks/sinusoid.h"
#include "maml/train/adapt.h"
#include "maml/train/checkpoint.h"
#include "maml/train/evaluation.h"
#include "maml/train/meta_batch.h"
#include "tests/io/scratch_folder.h"
#include "tests/train/small_run.h"

using namespace maml;
using test::error_of;
using test::small_run;

namespace {

/// An objective without its second derivatives.
template <class T> class Once : public FirstOrderObjective<T> {
public:
  explicit Once(std::unique_ptr<Objective<T>> whole) : whole_(std::move(whole)) {}
  std::size_t parameters() const override { return whole_->parameters(); }
  std::size_t tape_size(std::size_t rows) const override { return whole_->tape_size(rows); }
  void evaluate(Point<T> point, const Batch<T>& batch, T* tape, T* losses, T* metrics) const override {
    whole_->evaluate(point, batch, tape, losses, metrics);
  }
  void gradient(Point<T> point, const Batch<T>& batch, T* tape, const GradientOut<T>& out) const override {
    whole_->gradient(point, batch, tape, out);
  }

private:
  std::unique_ptr<Objective<T>> whole_;
};

template <class T> ForeignModel::Functions<T> functions(const Model& own, bool twice) {
  ForeignModel::Functions<T> result;
  result.objective = [&own, twice]() -> std::unique_ptr<FirstOrderObjective<T>> {
    auto objective = make_objective<T>(own, Mode{});
    if (twice) return objective;
    return std::make_unique<Once<T>>(std::move(objective));
  };
  result.outputs = [&own] { return make_feature_map<T>(own, own.layer_count(), Mode{}); };
  return result;
}

/// A model of ours as somebody else's, over the same flat vector. Borrows it.
ForeignModel foreign_of(const Model& own, bool twice = true) {
  ForeignModel model;
  model.name = "theirs";
  model.input = own.input();
  model.outputs = own.output().size();
  model.targets = own.loss().targets(model.outputs);
  model.metric = own.loss().metric();
  const auto initial = own.initial<float>(0);
  for (const auto& slice : own.slices()) {
    const auto first = initial.begin() + static_cast<std::ptrdiff_t>(slice.offset);
    model.parameters.push_back({slice.name, {slice.size}, {first, first + static_cast<std::ptrdiff_t>(slice.size)}});
  }
  model.f32 = functions<float>(own, twice);
  model.f64 = functions<double>(own, twice);
  return model;
}

Experiment experiment(const Model& own, const Options& options) {
  auto model = std::make_unique<Model>(foreign_of(own));
  const Options complete = resolved(options, *model);
  return {complete, std::move(model), make_sinusoid({})};
}

}  // namespace

TEST_CASE("foreign model: meta-gradients, evaluation, adaptation and checkpoints are those of its objective") {
  const maml_test::ScratchFolder folder;
  for (const char* algorithm : {"maml", "fomaml", "reptile", "meta_sgd", "pretrained"}) {
    INFO(algorithm);
    Options options = small_run();
    options.outer.algorithm = algorithm;
    const Experiment ours(options), theirs = experiment(*ours.model, options);
    const Weights weights = theirs.initial();
    CHECK(weights.parameters == ours.initial().parameters);
    CHECK(weights.rates == ours.initial().rates);

    const auto how = meta_batch_options(ours.options, 2, std::size_t{64} << 20);
    MetaBatch<float> our_batch(*ours.model, *ours.domain, how), their_batch(*theirs.model, *theirs.domain, how);
    const auto& wanted = our_batch.gradient(weights.parameters.data(), 3);
    const auto& given = their_batch.gradient(weights.parameters.data(), 3);
    CHECK(given.losses == wanted.losses);
    CHECK(given.gradient == wanted.gradient);
    CHECK(given.d_rates == wanted.d_rates);

    const Protocol protocol{.tasks = 6, .steps = 3};
    const auto our_summary = evaluate(ours, weights, protocol, {.threads = 1});
    const auto their_summary = evaluate(theirs, weights, protocol, {.threads = 2});
    CHECK(their_summary.metric == "mse");
    for (std::size_t k = 0; k < 4; ++k) CHECK(their_summary.steps[k].mean == our_summary.steps[k].mean);

    const std::string path = folder.file("a.safetensors");
    Checkpoint checkpoint;
    checkpoint.weights = weights;
    checkpoint.digest = digest(theirs.options);
    write_checkpoint(path, *theirs.model, theirs.options, checkpoint, "");
    const Checkpoint back = read_checkpoint(path, *theirs.model, theirs.options, true);
    CHECK(back.weights.parameters == weights.parameters);
    CHECK(back.weights.rates == weights.rates);
  }
}

TEST_CASE("foreign model: an adapted one predicts") {
  const Experiment ours(small_run());
  LoadedModel own{ours.options, std::make_unique<Model>(ours.options.model), ours.initial()}, theirs;
  theirs.model = std::make_unique<Model>(foreign_of(*own.model));
  theirs.options = resolved(small_run(), *theirs.model);
  theirs.weights = own.weights;
  const SupportSet support{{-1, 0, 0.5, 2}, {1, 0, -0.5, -2}};
  const std::vector<float> x = {-3, 1, 3};
  CHECK(adapt(theirs, support, {.steps = 4}).outputs(x) == adapt(own, support, {.steps = 4}).outputs(x));

  ForeignModel mute = foreign_of(*own.model);
  mute.f32.outputs = nullptr;
  theirs.model = std::make_unique<Model>(mute);
  const auto adapted = adapt(theirs, support, {.steps = 4});
  CHECK(adapted.parameters() == adapt(own, support, {.steps = 4}).parameters());
  CHECK(error_of([&] { (void)adapted.outputs(x); }) == "[theirs] gives no predictions (give it predict)");
}

TEST_CASE("foreign model: names, shapes and initial values are as given, whatever the seed") {
  const Model own(resolved(small_run()).model);
  ForeignModel given = foreign_of(own);
  given.parameters[1].shape = {2, 2, 2};
  given.parameters[1].initial.assign(8, 0.25);
  const Model model(given);
  CHECK(model.slices()[1].name == "linear1.bias");
  CHECK(model.to_border(model.initial<double>(7).data())[1].shape == std::vector<std::size_t>{2, 2, 2});
  CHECK(model.initial<double>(7) == model.initial<double>(8));
  CHECK(model.initial<float>(0)[model.slices()[1].offset] == 0.25f);
  CHECK(model.output().size() == 1);
  CHECK(model.layer_count() == 0);
}

TEST_CASE("foreign model: what it lacks is said by name") {
  const Experiment ours(small_run());
  ForeignModel given = foreign_of(*ours.model, false);
  const Model once(given);
  for (const char* algorithm : {"maml", "meta_sgd"}) {
    Options options = small_run();
    options.outer.algorithm = algorithm;
    CHECK(error_of([&] { resolved(options, once); }) == "[theirs] has no Hessian-vector product, which " +
                                                            std::string(algorithm) +
                                                            " needs (give it hvp, or take fomaml or reptile)");
    CHECK(error_of([&] {
            MetaBatch<float> batch(once, *ours.domain, meta_batch_options(options, 1, std::size_t{64} << 20));
          }).find("[theirs] has no Hessian-vector product") == 0);
  }
  for (const char* algorithm : {"fomaml", "reptile", "pretrained"}) {
    Options options = small_run();
    options.outer.algorithm = algorithm;
    CHECK(error_of([&] { resolved(options, once); }) == "");
  }
  CHECK(error_of([&] { make_objective<float>(once, {}); }) == "[theirs] has no Hessian-vector product (give it hvp)");
  CHECK(error_of([&] {
          Options options = small_run();
          options.outer.algorithm = "anil";
          resolved(options, Model(foreign_of(*ours.model)));
        }).find("[inner.adapt] is missing") == 0);

  given.f32.outputs = nullptr;
  CHECK(error_of([&] { Predictor<float>(Model(given), {}); }) == "[theirs] gives no predictions (give it predict)");
  given.parameters[1].name = given.parameters[0].name;
  CHECK(error_of([&] { Model{given}; }) == "[theirs] has two parameters of the name linear1.weight");
  given.parameters[0].initial.pop_back();
  CHECK(error_of([&] { Model{given}; }).find("[linear1.weight] has 7 initial values, but 8 elements") == 0);
  given.parameters.clear();
  CHECK(error_of([&] { Model{given}; }) == "[theirs] has no parameters to learn");
}
