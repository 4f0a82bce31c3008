#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "maml/base/finite.h"

using namespace maml;

TEST_CASE_TEMPLATE("all_finite: one value that is not tells, wherever it stands", T, float, double) {
  using Limits = std::numeric_limits<T>;
  const std::vector<T> good = {0, -T(0), 1, Limits::max(), Limits::lowest(), Limits::min(), Limits::denorm_min()};
  CHECK(all_finite<T>(good));
  CHECK(all_finite<T>({}));
  for (const T bad : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(), -Limits::quiet_NaN()})
    for (std::size_t i = 0; i < good.size(); ++i) {
      auto values = good;
      values[i] = bad;
      CHECK(!all_finite<T>(values));
    }
}
