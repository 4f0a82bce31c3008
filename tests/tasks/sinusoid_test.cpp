#include "maml/tasks/sinusoid.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <set>
#include <vector>

#include "maml/base/error.h"
#include "maml/tasks/domains.h"

using namespace maml;

namespace {

template <class T> std::vector<T> rows_of(const T* data, std::ptrdiff_t stride, std::size_t task, std::size_t size) {
  const T* from = data + static_cast<std::ptrdiff_t>(task) * stride;
  return {from, from + size};
}
template <class T> std::vector<T> x_of(const Batch<T>& batch, std::size_t task, std::size_t inputs = 1) {
  return rows_of(batch.x, batch.x_stride, task, batch.rows * inputs);
}
template <class T> std::vector<T> y_of(const Batch<T>& batch, std::size_t task) {
  return rows_of(batch.y, batch.y_stride, task, batch.rows);
}

EpisodeOptions episode(std::size_t shots, std::size_t query_shots) {
  EpisodeOptions options;
  options.shots = shots;
  options.query_shots = query_shots;
  return options;
}

}  // namespace

TEST_CASE("sinusoid: the oracle's rows lie on its own wave, within the paper's ranges") {
  const auto domain = make_sinusoid({true});
  CHECK(domain->input() == Shape{{3}});
  constexpr std::size_t tasks = 2000;
  const auto group = domain->group<double>(tasks, episode(5, 7));
  group->draw({1, Purpose::train_task, 0, 0});
  double amplitudes = 0, phases = 0, xs = 0;
  for (const auto& batch : {group->support(0, {}), group->query({})}) {
    CHECK(batch.tasks == tasks);
    CHECK(batch.shots == 5);
    for (std::size_t i = 0; i < tasks; ++i) {
      const auto x = x_of(batch, i, 3), y = y_of(batch, i);
      amplitudes += x[1] / tasks / 2;
      phases += x[2] / tasks / 2;
      for (std::size_t row = 0; row < batch.rows; ++row) {
        const double amplitude = x[row * 3 + 1], phase = x[row * 3 + 2];
        CHECK((amplitude == x[1] && phase == x[2]));
        CHECK((amplitude >= 0.1 && amplitude < 5 && phase >= 0 && phase < std::numbers::pi));
        CHECK(std::abs(x[row * 3]) <= 5);
        CHECK(y[row] == doctest::Approx(amplitude * std::sin(x[row * 3] - phase)).epsilon(1e-12));
        xs += x[row * 3] / tasks / static_cast<double>(batch.rows);
      }
    }
  }
  CHECK(amplitudes == doctest::Approx(2.55).epsilon(0.05));
  CHECK(phases == doctest::Approx(std::numbers::pi / 2).epsilon(0.05));
  CHECK(std::abs(xs) < 0.15);
}

TEST_CASE("sinusoid: a task is a function of its own numbers alone") {
  const auto domain = make_sinusoid();
  const auto options = episode(10, 10);
  const auto together = domain->group<float>(6, options), alone = domain->group<float>(1, options);
  together->draw({3, Purpose::train_task, 8, 0});
  const auto before = x_of(together->support(0, {}), 2);
  together->draw({3, Purpose::train_task, 9, 10});
  CHECK(x_of(together->support(0, {}), 2) != before);
  for (std::size_t i = 0; i < 6; ++i) {
    alone->draw({3, Purpose::train_task, 9, 10 + static_cast<std::uint32_t>(i)});
    CHECK(x_of(together->support(0, {}), i) == x_of(alone->support(0, {}), 0));
    CHECK(y_of(together->support(0, {}), i) == y_of(alone->support(0, {}), 0));
    CHECK(x_of(together->query({}), i) == x_of(alone->query({}), 0));
    CHECK(y_of(together->query({}), i) == y_of(alone->query({}), 0));
  }
  together->draw({3, Purpose::train_task, 8, 0});
  CHECK(x_of(together->support(0, {}), 2) == before);
  together->draw({3, Purpose::test_task, 8, 0});
  CHECK(x_of(together->support(0, {}), 2) != before);
}

TEST_CASE("sinusoid: float and double see the same tasks") {
  const auto domain = make_sinusoid();
  const auto f32 = domain->group<float>(3, episode(4, 4));
  const auto f64 = domain->group<double>(3, episode(4, 4));
  f32->draw({5, Purpose::test_task, 0, 0});
  f64->draw({5, Purpose::test_task, 0, 0});
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t row = 0; row < 4; ++row) {
      CHECK(x_of(f32->query({}), i)[row] == static_cast<float>(x_of(f64->query({}), i)[row]));
      CHECK(std::abs(y_of(f32->query({}), i)[row] - y_of(f64->query({}), i)[row]) < 1e-5);
    }
}

TEST_CASE("supervised: a coupled query batch is the whole, an uncoupled one its tail") {
  const auto domain = make_sinusoid();
  auto options = episode(5, 3);
  const auto plain = domain->group<double>(2, options);
  options.couple_query = true;
  const auto coupled = domain->group<double>(2, options);
  for (const auto& group : {plain.get(), coupled.get()}) group->draw({1, Purpose::train_task, 0, 0});
  const auto whole = coupled->query({});
  CHECK(whole.rows == 8);
  CHECK(whole.support_rows == 5);
  CHECK(coupled->support(0, {}).support_rows == 0);
  for (std::size_t i = 0; i < 2; ++i) {
    auto expected = x_of(plain->support(0, {}), i);
    CHECK(x_of(coupled->support(0, {}), i) == expected);
    const auto tail = x_of(plain->query({}), i);
    expected.insert(expected.end(), tail.begin(), tail.end());
    CHECK(x_of(whole, i) == expected);
  }
}

TEST_CASE("supervised: inner mini-batches go through the support set again and again, in a new order each time") {
  const auto domain = make_sinusoid();
  auto options = episode(6, 2);
  const auto plain = domain->group<double>(2, options);
  options.inner_batch = 4;
  options.inner_steps = 6;
  const auto group = domain->group<double>(2, options);
  for (const auto& one : {plain.get(), group.get()}) one->draw({1, Purpose::train_task, 0, 4});
  for (std::size_t i = 0; i < 2; ++i) {
    const auto all_x = x_of(plain->support(0, {}), i), all_y = y_of(plain->support(0, {}), i);
    std::map<double, double> wave;
    for (std::size_t row = 0; row < 6; ++row) wave[all_x[row]] = all_y[row];
    std::vector<double> sequence;
    for (int k = 0; k < 6; ++k) {
      const auto batch = group->support(k, {});
      CHECK(batch.rows == 4);
      CHECK(batch.shots == 6);
      const auto x = x_of(batch, i), y = y_of(batch, i);
      for (std::size_t row = 0; row < x.size(); ++row) CHECK(wave.at(x[row]) == y[row]);
      sequence.insert(sequence.end(), x.begin(), x.end());
      CHECK(x_of(group->support(k + 6, {}), i) == x);  // beyond the steps: from the first again
    }
    std::set<std::vector<double>> orders;
    for (auto pass = sequence.begin(); pass != sequence.end(); pass += 6) {
      CHECK(std::set<double>(pass, pass + 6).size() == 6);
      orders.emplace(pass, pass + 6);
    }
    CHECK(orders.size() > 1);
    CHECK(x_of(group->query({}), i) == x_of(plain->query({}), i));
  }
}

TEST_CASE("sinusoid: a wave for pictures is the task that a group draws") {
  const Draw draw{9, Purpose::test_task, 2, 5};
  const auto group = make_sinusoid()->group<double>(1, episode(5, 5));
  group->draw(draw);
  const Wave wave = draw_wave(draw, 5, 11);
  CHECK(wave.support_x == x_of(group->support(0, {}), 0));
  CHECK(wave.support_y == y_of(group->support(0, {}), 0));
  REQUIRE(wave.x.size() == 11);
  CHECK(wave.x.front() == -5);
  CHECK(wave.x.back() == 5);
  CHECK(wave.x[5] == 0);
  for (std::size_t i = 0; i < 11; ++i) CHECK(wave.y[i] == wave(wave.x[i]));
}

TEST_CASE("domains: by name, and a misspelt name is told the nearest") {
  CHECK(make_domain("sinusoid")->input() == Shape{{1}});
  DomainOptions options;
  options.oracle = true;
  CHECK(make_domain("sinusoid", options)->input() == Shape{{3}});
  CHECK_THROWS_WITH_AS(make_domain("sinusiod"),
                       "[data.domain] unknown domain 'sinusiod'; did you mean sinusoid? (known: sinusoid, "
                       "point_navigation, images, table)",
                       Error);
  auto ways = episode(5, 5);
  ways.ways = 5;
  CHECK_THROWS_AS(make_domain("sinusoid")->group<float>(1, ways), Error);
  CHECK_THROWS_AS(make_domain("sinusoid")->group<float>(1, episode(0, 5)), Error);
}
