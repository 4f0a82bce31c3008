#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "maml/algorithms/algorithm.h"
#include "maml/base/nearest.h"
#include "maml/kernels/isa.h"
#include "maml/nn/check_model.h"
#include "maml/train/options.h"
#include "tests/support/bed.h"
#include "tests/support/model_cases.h"

using namespace maml;
using namespace maml::test;

TEST_CASE("conformance: every layer, loss and adaptation, in double precision") {
  for (const auto& entry : model_cases()) {
    const std::string name = entry.name;
    SUBCASE(name.c_str()) {
      const Model model(entry.model);
      for (const auto& residual : check_model(model)) {
        INFO(name, ": ", residual.what, " on ", std::string(isa_name(active_isa())));
        CHECK(residual.value <= residual.bound);
      }
    }
  }
}

TEST_CASE("conformance: statistics that the call asks for, whatever the text says") {
  for (const std::string text : {"transductive", "support", "running"})
    for (const auto statistics : {Statistics::transductive, Statistics::support, Statistics::running}) {
      if (statistics == Statistics::running && text != "running") continue;
      const std::string norm = "batch_norm mode=" + text;
      const Model model({{5, 5, 2}, {"conv2d 3", norm, "tanh", "flatten", "linear 4"}, "cross_entropy", "mean"});
      for (const auto& residual : check_model(model, {}, 5, 4, {.evaluating = true, .statistics = statistics})) {
        INFO(text, " called with ", to_string(statistics), ": ", residual.what);
        CHECK(residual.value <= residual.bound);
      }
    }
}

TEST_CASE("conformance: running statistics read in evaluation") {
  const Model model(
      {{5, 5, 2},
       {"conv2d 3", "batch_norm mode=running", "tanh", "flatten", "linear 4", "batch_norm mode=running", "linear 3"},
       "cross_entropy",
       "mean"});
  const auto evaluating = check_model(model, {}, 5, 4, Mode{.evaluating = true});
  for (const auto& residual : evaluating) {
    INFO(residual.what);
    CHECK(residual.value <= residual.bound);
  }
}

TEST_CASE("conformance: the cases cover every kind of layer and every loss") {
  std::set<std::string> layers, losses;
  for (const auto& [name, options] : model_cases()) {
    for (const auto& text : options.layers) layers.insert(LayerText(text).kind());
    losses.insert(options.loss);
  }
  for (const auto& kind : layer_kinds()) CHECK_MESSAGE(layers.count(kind) == 1, kind, " is in no case");
  for (const auto& name : loss_names()) CHECK_MESSAGE(losses.count(name) == 1, name, " is in no case");
}

namespace {

/// Sizes of tasks, and how they are adapted to.
struct Episodes {
  std::size_t tasks = 3, support_rows = 6, query_rows = 5;
  std::size_t shots = 3;
  int steps = 3;
  double alpha = 0.01;
  std::vector<std::string> adapt = {"*"};
  std::uint64_t seed = 1;
};

template <class T> std::vector<T> meta_gradient_on(Isa isa, const ModelOptions& options, const Episodes& e = {}) {
  use_isa(isa);
  Bed<T> bed(options, e.tasks, e.support_rows, e.query_rows, e.seed);
  bed.data.shots = e.shots;
  const auto layout = bed.layout(e.adapt);
  const auto parts = AdaptationParts<T>{bed.objective.get(), bed.objective.get(), bed.rule.get(), &layout, nullptr};
  Adaptation<T> adaptation(parts, bed.options(e.steps));
  const T alpha = static_cast<T>(e.alpha);
  adaptation.set_rates(&alpha);
  MetaGradient<T> out(e.tasks, bed.model.parameters(), 0);
  algorithm("maml")(adaptation, bed.task, {bed.theta.data(), {}}, out);
  return out.gradient;
}

struct IsaGuard {
  Isa before = active_isa();
  ~IsaGuard() { use_isa(before); }
};

}  // namespace

TEST_CASE("conformance: a float meta-gradient is at most 4 times as far from double as the plain loops' is") {
  const IsaGuard guard;
  for (const auto& entry : model_cases()) {
    const std::string name = entry.name;
    const ModelOptions& options = entry.model;
    const auto exact = meta_gradient_on<double>(Isa::baseline, options);
    const double plain = relative_error(meta_gradient_on<float>(Isa::baseline, options), exact);
    for (const Isa isa : {Isa::avx2, Isa::avx512}) {
      if (!isa_supported(isa)) {
        MESSAGE("SKIPPED ", std::string(isa_name(isa)), ": this CPU lacks it");
        continue;
      }
      const double error = relative_error(meta_gradient_on<float>(isa, options), exact);
      INFO(name, " on ", std::string(isa_name(isa)), ": ", error, ", plain ", plain);
      CHECK(plain < 1e-4);
      CHECK(error <= 4 * plain);
      CHECK(error > 0);
      CHECK(relative_error(meta_gradient_on<double>(isa, options), exact) < 1e-11);
    }
  }
}

TEST_CASE("conformance: a norm with rectifier and pooling taken in gives what the layers give one by one") {
  // A view between the layers keeps them apart.
  for (const std::string slope : {"-0.5", "0", "0.1", "2"})
    for (const std::string weight : {"", " gamma=false"}) {
      const std::string norm = "batch_norm" + weight, rectifier = "leaky_relu slope=" + slope;
      const ModelOptions joined{
          {6, 5, 2}, {"conv2d 9", norm, rectifier, "max_pool 2", "flatten", "linear 3"}, "cross_entropy", "mean"};
      ModelOptions apart = joined;
      apart.layers = {"conv2d 9", norm, "keep a", rectifier, "keep b", "max_pool 2", "flatten", "linear 3"};
      Bed<double> one(joined, 2, 6, 5), other(apart, 2, 6, 5);
      REQUIRE(one.theta.size() == other.theta.size());
      Rng rng(1, Purpose::initial_parameters, 0, 0);
      for (auto& element : one.theta) element = rng.normal();  // weights of norms below 0 too
      other.theta = one.theta;
      const auto layout = one.layout({"*"});
      const auto run = [&](Bed<double>& bed) {
        const AdaptationParts<double> parts{bed.objective.get(), bed.objective.get(), bed.rule.get(), &layout, nullptr};
        Adaptation<double> adaptation(parts, bed.options(2));
        const double alpha = 0.01;
        adaptation.set_rates(&alpha);
        MetaGradient<double> out(2, bed.model.parameters(), 0);
        algorithm("maml")(adaptation, bed.task, {bed.theta.data(), {}}, out);
        out.gradient.insert(out.gradient.end(), out.losses.begin(), out.losses.end());
        return out.gradient;
      };
      INFO(rectifier, ", ", norm);
      CHECK(relative_error(run(one), run(other)) < 1e-11);
    }
}

namespace {

/// A preset's network and episode.
struct Production {
  std::string preset;
  std::vector<std::string> adapt;
  int steps = 1;
};

/// Every network that presets have, at 1 shot and 5; the norms adapted too, or left out as published.
const Production production_cases[] = {
    {"omniglot-mlp-5way-1shot", {"*"}},
    {"omniglot-mlp-5way-5shot", {"*", "!norm*"}},
    {"omniglot-5way-1shot", {"*", "!norm*"}},
    {"omniglot-5way-5shot", {"*"}},
    {"omniglot-5way-5shot", {"*", "!norm*"}, 2},
    {"omniglot-20way-1shot", {"*", "!norm*"}, 2},
    {"omniglot-20way-5shot", {"*", "!norm*"}},
    {"mini-imagenet-5way-1shot", {"*"}, 2},
    {"mini-imagenet-5way-1shot", {"*", "!norm*"}},
    {"mini-imagenet-5way-5shot", {"*", "!norm*"}},
};

/// One task at the preset's rate, with one query image a class.
Episodes one_task(const Production& c, const Options& preset, std::uint64_t seed) {
  Episodes e;
  e.tasks = 1;
  e.support_rows = preset.data.ways * preset.data.shots;
  e.query_rows = preset.data.ways;
  e.shots = preset.data.shots;
  e.steps = c.steps;
  e.alpha = preset.inner.alpha.everywhere;
  e.adapt = c.adapt;
  e.seed = seed;
  return e;
}

/// Relative errors against double: the plain loops' in float, and each instruction set's in float and in double.
struct Errors {
  struct OfIsa {
    Isa isa;
    double single, twice;
  };
  double plain;
  std::vector<OfIsa> fast;

  Errors(const ModelOptions& model, const Episodes& episode) {
    const auto run = [&]<class T>(T, Isa isa) { return meta_gradient_on<T>(isa, model, episode); };
    const auto exact = run(0.0, Isa::baseline);
    plain = relative_error(run(0.0f, Isa::baseline), exact);
    for (const Isa isa : {Isa::avx2, Isa::avx512})
      if (isa_supported(isa))
        fast.push_back({isa, relative_error(run(0.0f, isa), exact), relative_error(run(0.0, isa), exact)});
  }
  /// Whether float took a rectifier or a maximum that lies at its edge to the other side, in the plain loops or ours:
  /// a jump far above rounding, which is no error of theirs and hides those that are.
  bool crossed_an_edge() const {
    const auto jumped = [](double error) { return error > 1e-4; };
    return jumped(plain) || std::any_of(fast.begin(), fast.end(), [&](const OfIsa& e) { return jumped(e.single); });
  }
};

}  // namespace

TEST_CASE("conformance: float against double through the whole meta-gradient of every production network [slow]") {
  const IsaGuard guard;
  for (const Isa isa : {Isa::avx2, Isa::avx512})
    if (!isa_supported(isa)) MESSAGE("SKIPPED ", std::string(isa_name(isa)), ": this CPU lacks it");
  constexpr std::uint64_t episodes = 8;
  for (const Production& c : production_cases) {
    const Options options = preset(c.preset);
    std::uint64_t seed = 1;
    Errors errors(options.model, one_task(c, options, seed));
    while (errors.crossed_an_edge() && seed < episodes) errors = Errors(options.model, one_task(c, options, ++seed));
    CHECK_MESSAGE(!errors.crossed_an_edge(), c.preset, ", ", join(c.adapt), ": each of ", episodes, " episodes jumps");
    for (const auto& [isa, single, twice] : errors.fast) {
      MESSAGE(c.preset, ", ", join(c.adapt), ", episode ", seed, " on ", std::string(isa_name(isa)), ": ", single,
              ", plain ", errors.plain);
      CHECK(single <= 4 * errors.plain);
      CHECK(single > 0);
      CHECK(twice < 1e-9);
    }
  }
}
