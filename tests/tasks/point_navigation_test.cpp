#include "maml/tasks/point_navigation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "maml/base/error.h"
#include "maml/diff/adaptation.h"
#include "maml/nn/model.h"

using namespace maml;

namespace {

constexpr std::size_t horizon = 12, shots = 6, query_shots = 4, tasks = 3;

const ModelOptions policy_options = {
    {2}, {"linear 8", "tanh", "linear 2", "gaussian log_std=-0.7"}, "policy_gradient", "mean"};

EpisodeOptions episode(int steps) {
  EpisodeOptions options;
  options.shots = shots;
  options.query_shots = query_shots;
  options.inner_steps = steps;
  return options;
}

/// A copy of a batch's data.
struct Data {
  std::vector<double> x, y, weight;
  explicit Data(const Batch<double>& b)
      : x(b.x, b.x + b.tasks * b.rows * 2), y(b.y, b.y + b.tasks * b.rows * 2),
        weight(b.weight, b.weight + b.tasks * b.rows) {}
  bool operator==(const Data&) const = default;
};

struct Fixture {
  Model policy{policy_options};
  std::unique_ptr<Domain> domain = make_point_navigation({&policy, horizon, 0.99});
  std::vector<double> theta = policy.initial<double>(1);
  Draw draw{4, Purpose::train_task, 2, 10};

  std::unique_ptr<TaskGroup<double>> group(int steps, std::size_t count = tasks) const {
    auto group = domain->group<double>(count, episode(steps));
    group->draw(draw);
    return group;
  }
  Point<double> point(int k = 0) const { return {theta.data(), 0, k}; }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "point navigation: rollouts obey the world") {
  const auto rollouts = group(1);
  const auto batch = rollouts->support(0, point());
  REQUIRE(batch.tasks == tasks);
  REQUIRE(batch.rows == shots * horizon);
  CHECK(batch.shots == shots);
  const Data data(batch);
  for (std::size_t i = 0; i < tasks; ++i) {
    double sum = 0, squares = 0, live = 0;
    for (std::size_t row = 0; row < batch.rows; ++row) {
      const std::size_t at = i * batch.rows + row, t = row % horizon;
      const double weight = data.weight[at];
      if (weight != 0) {
        sum += weight;
        squares += weight * weight;
        ++live;
      }
      for (std::size_t d = 0; d < 2; ++d) {
        if (t == 0) CHECK(data.x[at * 2 + d] == 0);
        if (t + 1 == horizon) continue;
        const double moved = data.x[(at + 1) * 2 + d] - data.x[at * 2 + d];
        CHECK(moved == doctest::Approx(0.1 * std::clamp(data.y[at * 2 + d], -1.0, 1.0)).epsilon(1e-12));
      }
    }
    CHECK(std::abs(sum) < 1e-9);
    CHECK(squares / live == doctest::Approx(1).epsilon(1e-6));
  }
}

TEST_CASE_FIXTURE(Fixture, "point navigation: after the goal a rollout stands still and counts no more") {
  // A policy that walks to the goal of its only task: mean = 10 (goal - state), next to no noise.
  Rng rng(draw.seed, draw.purpose, draw.iteration, draw.first);
  const double goal_x = rng.uniform(-0.5, 0.5), goal_y = rng.uniform(-0.5, 0.5);
  const Model walker({{2}, {"linear 2", "gaussian log_std=-6"}, "policy_gradient", "mean"});
  const auto world = make_point_navigation({&walker, 30, 0.99});
  const std::vector<double> walk = walker.from_border<double>({{"linear1.weight", {2, 2}, {-10, 0, 0, -10}},
                                                               {"linear1.bias", {2}, {10 * goal_x, 10 * goal_y}},
                                                               {"gaussian1.log_std", {2}, {-6, -6}}});
  const auto rollouts = world->group<double>(1, episode(1));
  rollouts->draw(draw);
  const Data data(rollouts->support(0, {walk.data(), 0, 0}));
  for (std::size_t r = 0; r < shots; ++r) {
    const std::size_t last = r * 30 + 29;
    CHECK(std::abs(data.x[last * 2] - goal_x) < 0.01);
    CHECK(std::abs(data.x[last * 2 + 1] - goal_y) < 0.01);
    CHECK(data.weight[r * 30] != 0);
    for (std::size_t row = r * 30 + 6; row <= last; ++row) {  // 0.5 takes five steps
      CHECK(data.weight[row] == 0);
      CHECK(data.y[row * 2] == 0);
      CHECK(data.x[row * 2] == data.x[last * 2]);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "point navigation: a function of draw, step and theta, alone or in a group") {
  const auto together = group(2), again = group(2);
  const Data first(together->support(0, point())), second(together->support(1, point(1)));
  CHECK(first == Data(again->support(0, point())));
  CHECK(second == Data(again->support(1, point(1))));
  CHECK(first.y != second.y);  // k has noise of its own
  CHECK(first != Data(together->query(point(0))));
  for (std::size_t i = 0; i < tasks; ++i) {
    const auto alone = domain->group<double>(1, episode(2));
    Draw one = draw;
    one.first += static_cast<std::uint32_t>(i);
    alone->draw(one);
    const Data its(alone->support(0, point()));
    CHECK(std::equal(its.x.begin(), its.x.end(), first.x.begin() + static_cast<std::ptrdiff_t>(i * its.x.size())));
    CHECK(std::equal(its.y.begin(), its.y.end(), first.y.begin() + static_cast<std::ptrdiff_t>(i * its.y.size())));
  }
  auto moved = theta;
  for (auto& value : moved) value += 0.1;
  CHECK(first.y != Data(again->support(0, {moved.data(), 0, 0})).y);
}

TEST_CASE_FIXTURE(Fixture, "point navigation: batches stay while others are asked for") {
  const auto rollouts = group(2);
  const auto support0 = rollouts->support(0, point());
  const Data kept0(support0);
  const auto support1 = rollouts->support(1, point(1));
  const Data kept1(support1);
  const auto query2 = rollouts->query(point(2));
  const Data kept2(query2);
  rollouts->query(point(1));
  rollouts->query(point(0));
  CHECK(Data(support0) == kept0);
  CHECK(Data(support1) == kept1);
  CHECK(Data(query2) == kept2);
  const std::vector<double> elsewhere(theta.size(), 0.01);
  CHECK(Data(rollouts->query({elsewhere.data(), 0, 2})) == kept2);
  rollouts->draw(draw);
  CHECK(Data(rollouts->query({elsewhere.data(), 0, 2})) != kept2);
}

TEST_CASE_FIXTURE(Fixture, "point navigation: an adaptation recomputes from the same rollouts, and jvp meets vjp") {
  const auto objective = make_objective<double>(policy, Mode{});
  const auto rule = make_sgd<double>();
  const RateLayout layout(policy.slices(), matching_slices("inner.adapt", policy.slices(), {"*"}), RateSharing::number,
                          1);
  AdaptationOptions options;
  options.steps = 4;
  options.tasks = tasks;
  options.support_rows = shots * horizon;
  options.query_rows = query_shots * horizon;
  const std::size_t n = tasks * policy.parameters();
  const double alpha = 0.1;
  std::vector<double> u(n), v(n), ju(n), jtv(n), losses(tasks);
  Rng rng(1, Purpose::check);
  for (auto& value : u) value = rng.normal();

  const auto sweep = [&](std::size_t budget, bool twin) {
    auto of_budget = options;
    of_budget.budget = budget;
    Adaptation<double> adaptation({objective.get(), objective.get(), rule.get(), &layout, nullptr}, of_budget);
    adaptation.set_rates(&alpha);
    const auto rollouts = group(options.steps);
    adaptation.run(theta.data(), *rollouts);
    adaptation.query(options.steps, losses.data(), nullptr, v.data());
    jtv = v;
    adaptation.vjp(jtv.data(), {}, nullptr);
    ju = u;
    if (twin) adaptation.jvp(ju.data());
    return adaptation.memory();
  };
  const auto plenty = sweep(std::size_t{64} << 20, true);
  CHECK(plenty.tapes_kept == options.steps);
  double forward = 0, backward = 0, scale = 0;
  for (std::size_t i = 0; i < n; ++i) {
    forward += ju[i] * v[i];
    backward += u[i] * jtv[i];
    scale += u[i] * u[i] + v[i] * v[i];
  }
  CHECK(std::abs(forward - backward) < 1e-12 * scale);
  const auto kept = jtv;
  const auto least = sweep(plenty.minimum, false);
  CHECK(least.tapes_kept == 0);
  CHECK(jtv == kept);
}

TEST_CASE_FIXTURE(Fixture, "point navigation: what does not fit is refused") {
  CHECK_THROWS_AS(make_point_navigation({}), Error);
  const Model mute({{2}, {"linear 2"}, "mse", "mean"});
  CHECK_THROWS_AS(make_point_navigation({&mute, horizon, 0.99}), Error);
  CHECK_THROWS_AS(make_point_navigation({&policy, 0, 0.99}), Error);
  CHECK_THROWS_AS(make_point_navigation({&policy, 1, 1.5}), Error);
  auto one = episode(1);
  one.shots = 1;
  CHECK_THROWS_AS(domain->group<double>(1, one), Error);
  CHECK_THROWS_AS(group(1)->support(1, point(1)), Error);
}
