#include "maml/train/spread.h"

#include <doctest/doctest.h>

#include "maml/base/error.h"

using namespace maml;

TEST_CASE("spread: mean and sample deviation of the steps that all runs have") {
  const EvaluationSummary a{{}, "8", "mse", {{0, 1.0, 0.1}, {1, 2.0, 0.1}, {2, 9.0, 0.1}}};
  const EvaluationSummary b{{}, "8", "mse", {{0, 3.0, 0.1}, {1, 2.0, 0.1}}};
  const auto both = spread_of({a, b});
  REQUIRE(both.size() == 2);
  CHECK(both[0].mean == 2);
  CHECK(both[0].deviation == doctest::Approx(1.41421356));
  CHECK(both[1].deviation == 0);
  CHECK(spread_of({a})[2].mean == 9);
  CHECK(spread_of({a})[2].deviation == 0);
  CHECK_THROWS_AS(spread_of({}), Error);
}
