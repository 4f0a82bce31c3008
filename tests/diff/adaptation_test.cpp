#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "maml/algorithms/algorithm.h"
#include "maml/base/error.h"
#include "maml/diff/memory_plan.h"
#include "tests/support/bed.h"

using namespace maml;
using namespace maml::test;

namespace {

const ModelOptions small{{3}, {"linear 8", "tanh", "linear 6", "layer_norm", "relu", "linear 2"}, "mse", "mean"};

}  // namespace

TEST_CASE("adaptation: one inner step is theta - alpha ⊙ gradient") {
  Bed<double> bed(small, 1, 5, 4);
  const auto layout = bed.layout({"*", "!linear1*"});
  Adaptation<double> adaptation({bed.objective.get(), bed.objective.get(), bed.rule.get(), &layout, nullptr},
                                bed.options(1));
  const double alpha = 0.05;
  adaptation.set_rates(&alpha);
  adaptation.run(bed.theta.data(), bed.task);

  const auto batch = bed.task.support(0, {});
  std::vector<double> tape(bed.objective->tape_size(batch.rows)), g(bed.theta.size());
  double loss;
  GradientOut<double> out;
  out.losses = &loss;
  out.g = g.data();
  bed.objective->gradient({bed.theta.data(), 0, 0}, batch, tape.data(), out);
  const auto after = adaptation.theta(1);
  for (const auto& slice : bed.model.slices())
    for (std::size_t e = slice.offset; e < slice.offset + slice.size; ++e) {
      const bool frozen = slice.name.rfind("linear1", 0) == 0;
      CHECK(after.theta[e] == bed.theta[e] - (frozen ? 0 : alpha) * g[e]);
    }
  CHECK(adaptation.support_losses()[0] == loss);
}

TEST_CASE("adaptation: a frozen front gives the meta-gradient of the mask, with features once a task") {
  for (const auto& options :
       {small, ModelOptions{{4, 4, 1},
                            {"conv2d 3", "batch_norm mode=support", "relu", "flatten", "linear 3"},
                            "cross_entropy",
                            "mean"}}) {
    Bed<double> bed(options, 3, 6, 4);
    const auto last = bed.model.slices().end()[-2].name;  // the last layer's weight
    const auto layout = bed.layout({last.substr(0, last.find('.')) + "*"});
    const auto head_layer = bed.model.layer_at(layout.frozen_front());
    const auto front = make_feature_map<double>(bed.model, head_layer, Mode{});
    const auto head = make_objective<double>(bed.model, Mode{}, nullptr, head_layer);
    REQUIRE(front->parameters() + head->parameters() == bed.model.parameters());

    const double alpha = 0.1;
    const std::vector<double> weights = {0, 0.5, 0, 0.25, 1};
    const auto momentum = make_momentum<double>(0.8);
    for (const InnerRule<double>* rule : {bed.rule.get(), momentum.get()})
      for (const auto& name : {"maml", "fomaml", "reptile"})
        for (const bool weighted : {false, true}) {
          Adaptation<double> masked({bed.objective.get(), bed.objective.get(), rule, &layout, nullptr}, bed.options(4));
          Adaptation<double> split({head.get(), head.get(), rule, &layout, front.get()}, bed.options(4));
          const std::size_t rates = std::string(name) == "reptile" ? 0 : layout.size();
          MetaGradient<double> a(3, bed.model.parameters(), rates), b(3, bed.model.parameters(), rates);
          AlgorithmInput<double> in{bed.theta.data(), {}};
          if (weighted) in.step_weights = weights;
          masked.set_rates(&alpha);
          split.set_rates(&alpha);
          algorithm(name)(masked, bed.task, in, a);
          algorithm(name)(split, bed.task, in, b);
          INFO(name);
          CHECK(relative_error(b.gradient, a.gradient) < 1e-12);
          CHECK(relative_error(b.d_rates, a.d_rates) < 1e-12);
          CHECK(relative_error(b.losses, a.losses) < 1e-12);
          CHECK(relative_error(b.after, a.after) < 1e-12);
        }

    // Each reverse sweep spends what the front kept; a second one has it anew.
    Adaptation<double> split({head.get(), head.get(), bed.rule.get(), &layout, front.get()}, bed.options(2));
    split.set_rates(&alpha);
    split.run(bed.theta.data(), bed.task);
    std::vector<double> losses(3), once(3 * bed.model.parameters()), again = once;
    for (auto* v : {&once, &again}) {
      split.query(2, losses.data(), nullptr, v->data());
      split.vjp(v->data(), nullptr, nullptr, Order::second);
    }
    CHECK(once == again);
  }
}

TEST_CASE("adaptation: any budget gives the same bytes, at every step") {
  Bed<float> bed(small, 2, 5, 4);
  const auto layout = bed.layout({"*"}, RateSharing::slice, 3);
  const std::vector<float> rates(layout.size(), 0.02f);
  const auto momentum = make_momentum<float>(0.9);
  const AdaptationParts<float> parts{bed.objective.get(), bed.objective.get(), momentum.get(), &layout, nullptr};
  Adaptation<float> roomy(parts, bed.options(23));
  REQUIRE(roomy.memory().tapes_kept == 23);
  MetaGradient<float> expected(2, bed.model.parameters(), layout.size());
  roomy.set_rates(rates.data());
  algorithm("maml")(roomy, bed.task, {bed.theta.data(), {}}, expected);

  int plans = 0;
  for (std::size_t budget = roomy.memory().minimum; budget <= roomy.memory().bytes;
       budget += roomy.memory().bytes / 40) {
    auto options = bed.options(23);
    options.budget = budget;
    Adaptation<float> lean(parts, options);
    CHECK(lean.memory().bytes <= budget);
    MetaGradient<float> got(2, bed.model.parameters(), layout.size());
    lean.set_rates(rates.data());
    algorithm("maml")(lean, bed.task, {bed.theta.data(), {}}, got);
    CHECK(std::memcmp(got.gradient.data(), expected.gradient.data(), got.gradient.size() * sizeof(float)) == 0);
    CHECK(std::memcmp(got.d_rates.data(), expected.d_rates.data(), got.d_rates.size() * sizeof(float)) == 0);
    for (const int k : {0, 22, 1, 13, 12, 23, 7}) {
      const auto a = lean.theta(k), b = roomy.theta(k);
      CHECK(std::memcmp(a.theta, b.theta, bed.model.parameters() * sizeof(float)) == 0);
    }
    plans += lean.memory().stride > 1;
  }
  CHECK(plans > 2);

  auto options = bed.options(23);
  options.budget = roomy.memory().minimum - 1;
  CHECK_THROWS_AS(Adaptation<float>(parts, options), Error);
}

TEST_CASE("adaptation: its tick may end any call, after which the same is found as without") {
  Bed<double> bed(small, 2, 5, 4);
  const auto layout = bed.layout({"*"});
  const AdaptationParts<double> parts{bed.objective.get(), bed.objective.get(), bed.rule.get(), &layout, nullptr};
  const double alpha = 0.1;
  AdaptationOptions options = bed.options(9);
  Adaptation<double> roomy(parts, options);
  int left = 0;
  options.budget = roomy.memory().minimum;  // so that theta_k are recomputed
  options.tick = [&left] { require(left-- > 0, "tick", "is the last"); };
  Adaptation<double> ticked(parts, options);
  const std::size_t n = 2 * bed.theta.size();
  const std::vector<double> direction(n, 1);
  const auto all_of = [&](Adaptation<double>& adaptation) {
    std::vector<double> found(direction), query(n), losses(2);
    adaptation.vjp(found.data(), {}, nullptr);
    adaptation.query(5, losses.data(), nullptr, query.data());
    found.insert(found.end(), query.begin(), query.end());
    found.insert(found.end(), n, 1.0);
    adaptation.jvp(&found[2 * n]);
    return found;
  };
  roomy.set_rates(&alpha);
  roomy.run(bed.theta.data(), bed.task);
  const auto wanted = all_of(roomy);
  ticked.set_rates(&alpha);
  for (int ticks = 0; ticks < 40; ++ticks) {
    left = 9;
    ticked.run(bed.theta.data(), bed.task);
    CHECK(left == 0);
    left = ticks;
    CHECK_THROWS_AS(all_of(ticked), Error);
    left = 1000;
    CHECK(all_of(ticked) == wanted);
  }
}

TEST_CASE("adaptation: memory grows with the square root of the inner steps at most") {
  MemoryNeeds needs;
  needs.fixed = 1000;
  needs.theta = 100;
  needs.tape = 50;
  needs.element = 4;
  needs.steps = 100;
  const auto least = [&] {
    try {
      return plan_memory(needs, std::size_t{1} << 30).minimum;
    } catch (const Error&) {
      return std::size_t{0};
    }
  }();
  CHECK(least == (1000 + 19 * 100) * 4);  // stride 10: 9 kept, the last, 9 between
  CHECK(plan_memory(needs, least).stride == 10);
  CHECK(plan_memory(needs, (1000 + 100 * 100) * 4).stride == 1);
  CHECK(plan_memory(needs, (1000 + 100 * 100 + 7 * 50) * 4).tapes_kept == 7);
  CHECK_THROWS_WITH_AS(plan_memory(needs, least - 1), doctest::Contains("11600 bytes"), Error);
}

TEST_CASE("adaptation: replay goes through the same batches from elsewhere") {
  Bed<double> bed(small, 2, 5, 4);
  const auto layout = bed.layout({"*"});
  Adaptation<double> adaptation({bed.objective.get(), bed.objective.get(), bed.rule.get(), &layout, nullptr},
                                bed.options(3));
  const double alpha = 0.05;
  adaptation.set_rates(&alpha);
  adaptation.run(bed.theta.data(), bed.task);
  std::vector<double> elsewhere = bed.theta;
  for (auto& x : elsewhere) x *= 1.1;
  adaptation.replay(elsewhere.data());
  const auto replayed = adaptation.theta(3);
  const std::vector<double> got(replayed.theta, replayed.theta + 2 * bed.theta.size());
  adaptation.run(elsewhere.data(), bed.task);
  const auto run = adaptation.theta(3);
  CHECK(got == std::vector<double>(run.theta, run.theta + 2 * bed.theta.size()));
}

namespace {

/// A user's objective: (theta - x)^2 / 2 summed, with or without its Hessian.
class FirstOrderBowl : public FirstOrderObjective<double> {
public:
  std::size_t parameters() const override { return 2; }
  std::size_t tape_size(std::size_t) const override { return 0; }
  void evaluate(Point<double> at, const Batch<double>& batch, double*, double* losses, double*) const override {
    for (std::size_t i = 0; i < batch.tasks; ++i) {
      const double* theta = at.theta + static_cast<std::ptrdiff_t>(i) * at.stride;
      losses[i] = (theta[0] * theta[0] + 3 * theta[1] * theta[1]) / 2;
    }
  }
  void gradient(Point<double> at, const Batch<double>& batch, double* tape,
                const GradientOut<double>& out) const override {
    evaluate(at, batch, tape, out.losses, nullptr);
    for (std::size_t i = 0; i < batch.tasks; ++i) {
      const double* theta = at.theta + static_cast<std::ptrdiff_t>(i) * at.stride;
      double* g = out.g + static_cast<std::ptrdiff_t>(i) * out.g_stride;
      g[0] = theta[0];
      g[1] = 3 * theta[1];
    }
  }
};

class NoData : public Task<double> {
public:
  Batch<double> support(int, Point<double>) override { return {}; }
  Batch<double> query(Point<double>) override { return {}; }
};

}  // namespace

TEST_CASE("adaptation: an objective without second derivatives serves first-order rows only") {
  const FirstOrderBowl bowl;
  const auto rule = make_sgd<double>();
  const RateLayout layout({{"theta", 0, 2}}, {1}, RateSharing::number, 1);
  AdaptationOptions options;
  options.steps = 2;
  options.second_order = false;
  Adaptation<double> adaptation({&bowl, &bowl, rule.get(), &layout, nullptr}, options);
  const double alpha = 0.1;
  const std::vector<double> theta = {1, 2};
  NoData task;
  adaptation.set_rates(&alpha);
  MetaGradient<double> out(1, 2, 0);
  algorithm("fomaml")(adaptation, task, {theta.data(), {}}, out);
  CHECK(out.gradient[0] == doctest::Approx(0.9 * 0.9));
  CHECK(out.gradient[1] == doctest::Approx(3 * 2 * 0.7 * 0.7));
  algorithm("reptile")(adaptation, task, {theta.data(), {}}, out);
  CHECK(out.gradient[0] == doctest::Approx(1 - 0.81));
  CHECK_THROWS_WITH_AS(algorithm("maml")(adaptation, task, {theta.data(), {}}, out),
                       doctest::Contains("no Hessian-vector product"), Error);
}

TEST_CASE("rates: more than memory is made for are refused before any is taken") {
  CHECK_THROWS_WITH_AS(RateLayout({{"theta", 0, 2}}, {1}, RateSharing::number, 1000000000),
                       doctest::Contains("[RateLayout] has 1 rates at each of 1000000000 steps"), Error);
  CHECK_NOTHROW(RateLayout({{"theta", 0, 32000}}, {1}, RateSharing::element, 100));
}
