#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "maml/base/error.h"
#include "maml/train/outer.h"

using namespace maml;

TEST_CASE("outer: Adam's first two steps by hand, epsilon beside sqrt(v) of the uncorrected v") {
  OuterOptions options;
  options.rate = 0.1;
  options.epsilon = 0.5;  // large, so that its place shows
  OuterOptimiser<double> adam(options, 1);
  double theta = 1, g = 2;
  adam.step(&theta, &g);
  // m = 0.2, v = 0.004, rate sqrt(1 - 0.999) / (1 - 0.9)
  double expected = 1 - 0.1 * std::sqrt(0.001) / 0.1 * 0.2 / (std::sqrt(0.004) + 0.5);
  CHECK(theta == doctest::Approx(expected).epsilon(1e-12));
  g = -1;
  adam.step(&theta, &g);
  const double m = 0.9 * 0.2 - 0.1, v = 0.999 * 0.004 + 0.001;
  expected -= 0.1 * std::sqrt(1 - 0.999 * 0.999) / (1 - 0.81) * m / (std::sqrt(v) + 0.5);
  CHECK(theta == doctest::Approx(expected).epsilon(1e-12));
  CHECK(adam.steps() == 2);
  CHECK(adam.moments() == 2);
  CHECK(adam.moment(0)[0] == doctest::Approx(m));
  CHECK(adam.moment(1)[0] == doctest::Approx(v));
}

TEST_CASE("outer: SGD with momentum by hand") {
  OuterOptions options;
  options.optimiser = "sgd";
  options.rate = 0.5;
  options.momentum = 0.5;
  OuterOptimiser<float> sgd(options, 2);
  float theta[] = {1, 2}, g[] = {1, -1};
  sgd.step(theta, g);
  CHECK(theta[0] == 0.5f);
  CHECK(theta[1] == 2.5f);
  sgd.step(theta, g, 1.0);  // m = 1.5 g
  CHECK(theta[0] == -1.0f);
  CHECK(theta[1] == 4.0f);
}

TEST_CASE("outer: each element by itself, whole registers and the rest alike") {
  constexpr std::size_t n = 37;
  OuterOptimiser<float> all({}, n);
  std::vector<float> theta(n, 1), g(n);
  for (std::size_t step = 0; step < 3; ++step) {
    for (std::size_t i = 0; i < n; ++i) g[i] = std::sin(static_cast<float>(i + 5 * step));
    all.step(theta.data(), g.data());
  }
  for (std::size_t i = 0; i < n; ++i) {
    OuterOptimiser<float> one({}, 1);
    float alone = 1;
    for (std::size_t step = 0; step < 3; ++step) {
      float gradient = std::sin(static_cast<float>(i + 5 * step));
      one.step(&alone, &gradient);
    }
    CHECK(alone == theta[i]);
  }
}

TEST_CASE("outer: clipping by element, then by norm; what is not finite is not hidden") {
  OuterOptions options;
  options.optimiser = "sgd";
  options.rate = 1;
  options.clip = 3;
  double theta[] = {0, 0}, g[] = {-9, 4};
  OuterOptimiser<double>(options, 2).step(theta, g);
  CHECK(theta[0] == 3);
  CHECK(theta[1] == -3);
  options.clip_norm = std::sqrt(18.0) / 3;
  double other[] = {0, 0}, h[] = {-9, 4};
  OuterOptimiser<double>(options, 2).step(other, h);
  CHECK(other[0] == doctest::Approx(1));
  CHECK(other[1] == doctest::Approx(-1));
  double last[] = {0, 0}, bad[] = {std::numeric_limits<double>::quiet_NaN(), 1};
  OuterOptimiser<double>(options, 2).step(last, bad);
  CHECK(std::isnan(last[0]));
}

TEST_CASE("outer: schedules") {
  OuterOptions options;
  options.rate = 1;
  options.final_rate = 0.5;
  CHECK(scheduled_rate(options, 1, 70, 100) == 1);
  options.schedule = "linear";
  CHECK(scheduled_rate(options, 1, 0, 100) == 1);
  CHECK(scheduled_rate(options, 1, 50, 100) == doctest::Approx(0.75));
  CHECK(scheduled_rate(options, 1, 100, 100) == doctest::Approx(0.5));
  CHECK(scheduled_rate(options, 0.1, 50, 100) == doctest::Approx(0.075));  // another rate keeps the proportion
  options.schedule = "cosine";
  CHECK(scheduled_rate(options, 1, 0, 100) == 1);
  CHECK(scheduled_rate(options, 1, 25, 100) == doctest::Approx(0.5 + 0.25 * (1 + std::sqrt(0.5))));
  CHECK(scheduled_rate(options, 1, 100, 100) == doctest::Approx(0.5));
  options.schedule = "step";
  options.step_every = 10;
  options.step_factor = 0.1;
  CHECK(scheduled_rate(options, 1, 9, 100) == 1);
  CHECK(scheduled_rate(options, 1, 10, 100) == doctest::Approx(0.1));
  CHECK(scheduled_rate(options, 1, 29, 100) == doctest::Approx(0.01));
}

TEST_CASE("outer: an optimiser goes on from its state with the same bits") {
  OuterOptimiser<float> first({}, 3), second({}, 3);
  float theta[] = {1, 2, 3}, g[] = {0.1f, -0.2f, 0.3f};
  first.step(theta, g);
  std::vector<std::vector<float>> moments;
  for (std::size_t i = 0; i < first.moments(); ++i)
    moments.emplace_back(first.moment(i).begin(), first.moment(i).end());
  second.restore(first.steps(), moments);
  float copy[] = {theta[0], theta[1], theta[2]}, same_g[] = {0.1f, -0.2f, 0.3f};
  first.step(theta, g);
  second.step(copy, same_g);
  for (int i = 0; i < 3; ++i) CHECK(theta[i] == copy[i]);
  OuterOptions sgd;
  sgd.optimiser = "sgd";
  OuterOptimiser<float> other(sgd, 3);
  CHECK_THROWS_AS(other.restore(1, moments), Error);
}
