#include "maml/base/rng.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

using namespace maml;

namespace {

using Counter = std::array<std::uint32_t, 4>;

/// Mean and variance of n draws.
template <class F> std::array<double, 2> moments(std::size_t n, F draw) {
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double x = draw();
    sum += x;
    squares += x * x;
  }
  const double mean = sum / static_cast<double>(n);
  return {mean, squares / static_cast<double>(n) - mean * mean};
}

std::vector<std::uint32_t> words(Rng rng, std::size_t n = 16) {
  std::vector<std::uint32_t> list(n);
  for (auto& word : list) word = rng.next();
  return list;
}

}  // namespace

TEST_CASE("rng: the known answers of Philox4x32-10") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("rng: a stream is a function of its five numbers alone, and no other five share it") {
  const auto here = words(Rng(7, Purpose::train_task, 3, 2));
  CHECK(here == words(Rng(7, Purpose::train_task, 3, 2, 0)));
  std::set<std::vector<std::uint32_t>> streams = {here};
  std::size_t made = 1;
  const auto add = [&](Rng rng) {
    streams.insert(words(rng));
    ++made;
  };
  add(Rng(8, Purpose::train_task, 3, 2));
  add(Rng(7 + (1ull << 32), Purpose::train_task, 3, 2));
  add(Rng(7, Purpose::test_task, 3, 2));
  add(Rng(7, Purpose::train_task, 2, 3));
  add(Rng(7, Purpose::train_task, 3, 3));
  for (const std::uint32_t part : {1u, 2u, 255u, 256u, (1u << 24) - 1}) add(Rng(7, Purpose::train_task, 3, 2, part));
  CHECK(streams.size() == made);
}

TEST_CASE("rng: moments") {
  constexpr std::size_t n = 200000;
  const double bound = 5 / std::sqrt(static_cast<double>(n));  // five standard errors of a variable of variance 1
  Rng rng(1, Purpose::check);
  const auto near = [&](std::array<double, 2> found, double mean, double variance) {
    CHECK(std::abs(found[0] - mean) < bound);
    CHECK(std::abs(found[1] - variance) < 2 * bound);
  };
  near(moments(n, [&] { return rng.uniform(); }), 0.5, 1.0 / 12);
  near(moments(n, [&] { return rng.coarse_uniform(); }), 0.5, 1.0 / 12);
  near(moments(n, [&] { return rng.uniform(-1, 3) / 4; }), 0.25, 1.0 / 12);
  near(moments(n, [&] { return rng.normal(); }), 0, 1);
  near(moments(n, [&] { return rng.truncated_normal(); }), 0, 0.7737);
  near(moments(n, [&] { return rng.below(5) / 4.0; }), 0.5, 0.125);
  for (int i = 0; i < 1000; ++i) {
    CHECK(std::abs(rng.truncated_normal()) <= 2);
    const double u = rng.uniform(), c = rng.coarse_uniform();
    CHECK((u >= 0 && u < 1 && c >= 0 && c < 1));
  }
}

TEST_CASE("rng: below and shuffle are fair") {
  Rng rng(2, Purpose::check);
  std::vector<int> counts(7), first(4);
  for (int i = 0; i < 70000; ++i) ++counts[rng.below(7)];
  for (const int count : counts) CHECK(std::abs(count - 10000) < 500);
  for (int i = 0; i < 40000; ++i) {
    const auto order = rng.permutation(4);
    ++first[order[0]];
    auto sorted = order;
    std::sort(sorted.begin(), sorted.end());
    CHECK(sorted == std::vector<std::uint32_t>{0, 1, 2, 3});
  }
  for (const int count : first) CHECK(std::abs(count - 10000) < 500);
  CHECK(rng.below(1) == 0);
  CHECK(rng.permutation(0).empty());
}
