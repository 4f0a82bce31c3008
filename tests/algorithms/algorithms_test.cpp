#include <doctest/doctest.h>

#include <cstring>

#include "maml/algorithms/algorithm.h"
#include "tests/support/bed.h"

using namespace maml;
using namespace maml::test;

namespace {

const ModelOptions classifier{
    {5}, {"linear 7", "layer_norm", "tanh", "linear 6", "tanh", "linear 3"}, "cross_entropy", "sum/shots"};

struct Outcome {
  MetaGradient<double> result;
  Outcome(const char* name, Bed<double>& bed, const RateLayout& layout, int steps, const std::vector<double>& rates,
          bool learn)
      : result(bed.data.tasks, bed.model.parameters(), learn ? layout.size() : 0) {
    Adaptation<double> adaptation({bed.objective.get(), bed.objective.get(), bed.rule.get(), &layout, nullptr},
                                  bed.options(steps));
    adaptation.set_rates(rates.data());
    algorithm(name)(adaptation, bed.task, {bed.theta.data(), {}}, result);
  }
};

}  // namespace

TEST_CASE("algorithms: the table names its rows, and the nearest to a misspelt one") {
  std::vector<std::string> names;
  for (const auto& row : algorithms()) {
    names.emplace_back(row.name);
    CHECK(!row.summary.empty());
  }
  CHECK(names ==
        std::vector<std::string>{"maml", "fomaml", "anil", "boil", "reptile", "meta_sgd", "pretrained", "oracle"});
  CHECK_THROWS_WITH_AS(algorithm("reptil"), doctest::Contains("did you mean reptile?"), Error);
}

TEST_CASE("algorithms: first and second order differ, and agree where nothing is curved") {
  Bed<double> bed(classifier, 2, 6, 6);
  const auto layout = bed.layout({"*"});
  const Outcome second("maml", bed, layout, 2, {0.1}, false), first("fomaml", bed, layout, 2, {0.1}, false);
  CHECK(relative_error(first.result.gradient, second.result.gradient) > 1e-3);
  CHECK(first.result.losses == second.result.losses);
  const Outcome still_second("maml", bed, layout, 2, {0.0}, false), still_first("fomaml", bed, layout, 2, {0.0}, false);
  CHECK(still_first.result.gradient == still_second.result.gradient);
}

TEST_CASE("algorithms: reptile is theta_0 - theta_K, a sum of gradients") {
  Bed<double> bed(classifier, 2, 6, 6);
  const auto layout = bed.layout({"*"});
  const Outcome outcome("reptile", bed, layout, 1, {0.1}, false);
  const auto batch = bed.task.support(0, {});
  std::vector<double> tape(2 * bed.objective->tape_size(6)), g(2 * bed.theta.size()), losses(2);
  GradientOut<double> out;
  out.losses = losses.data();
  out.g = g.data();
  out.g_stride = static_cast<std::ptrdiff_t>(bed.theta.size());
  bed.objective->gradient({bed.theta.data(), 0, 0}, batch, tape.data(), out);
  for (auto& x : g) x *= 0.1;
  CHECK(relative_error(outcome.result.gradient, g) < 1e-13);
}

TEST_CASE("algorithms: pretrained and oracle are the joint gradient at theta_0") {
  Bed<double> bed(classifier, 2, 6, 6);
  const auto layout = bed.layout({"*"});
  const Outcome joint("pretrained", bed, layout, 0, {0.1}, false), told("oracle", bed, layout, 0, {0.1}, false);
  const Outcome unadapted("maml", bed, layout, 1, {0.0}, false);
  CHECK(relative_error(joint.result.gradient, unadapted.result.gradient) < 1e-13);
  CHECK(told.result.gradient == joint.result.gradient);
}

TEST_CASE("algorithms: meta_sgd's rate gradient is the derivative of the meta-loss") {
  Bed<double> bed(classifier, 2, 6, 6);
  const auto layout = bed.layout({"*", "!linear2.bias"}, RateSharing::element, 2);
  std::vector<double> rates(layout.size(), 0.05);
  const Outcome at("meta_sgd", bed, layout, 3, rates, true);
  for (const std::size_t i : {std::size_t{0}, std::size_t{20}, layout.parameters() - 1, 2 * layout.parameters() - 1}) {
    double numeric = 0;
    for (const double sign : {1.0, -1.0}) {
      auto moved = rates;
      moved[i] += sign * 1e-5;
      const Outcome there("meta_sgd", bed, layout, 3, moved, false);
      numeric += sign * (there.result.losses[0] + there.result.losses[1]) / 2e-5;
    }
    CHECK(at.result.d_rates[i] + at.result.d_rates[layout.size() + i] == doctest::Approx(numeric).epsilon(1e-5));
  }
}

TEST_CASE("algorithms: learned rates never thaw a frozen parameter, over 100 outer steps") {
  for (const auto sharing : {RateSharing::number, RateSharing::slice, RateSharing::element}) {
    Bed<double> bed(classifier, 2, 6, 6);
    const auto layout = bed.layout({"*", "!linear1*", "!norm1.bias"}, sharing, 2);
    std::vector<double> rates(layout.size(), 0.05);
    const auto before = rates;
    Adaptation<double> adaptation({bed.objective.get(), bed.objective.get(), bed.rule.get(), &layout, nullptr},
                                  bed.options(2));
    MetaGradient<double> out(2, bed.model.parameters(), layout.size());
    for (int i = 0; i < 100; ++i) {
      adaptation.set_rates(rates.data());
      algorithm("maml")(adaptation, bed.task, {bed.theta.data(), {}}, out);
      for (std::size_t e = 0; e < bed.theta.size(); ++e) bed.theta[e] -= 0.05 * out.gradient[e];
      for (std::size_t e = 0; e < rates.size(); ++e) rates[e] -= 0.01 * out.d_rates[e];
    }
    CHECK(rates != before);
    adaptation.set_rates(rates.data());
    adaptation.run(bed.theta.data(), bed.task);
    const auto end = adaptation.theta(2);
    for (std::size_t i = 0; i < bed.model.slices().size(); ++i) {
      const auto& slice = bed.model.slices()[i];
      const bool frozen = layout.mask()[i] == 0;
      const bool stayed =
          std::memcmp(end.theta + slice.offset, bed.theta.data() + slice.offset, slice.size * sizeof(double)) == 0;
      INFO(slice.name);
      CHECK(stayed == frozen);
    }
  }
}
