#include "maml/base/nearest.h"

#include <doctest/doctest.h>

using namespace maml;

TEST_CASE("the nearest name is a slip of the pen away") {
  CHECK(nearest("inner.step", {"outer.steps", "inner.steps", "inner.alpha"}) == "inner.steps");
  CHECK(nearest("mmal", {"maml", "fomaml"}) == "maml");
  CHECK(nearest("reptile", {"maml", "fomaml"}).empty());
  CHECK(nearest("x", {"y"}).empty());
  CHECK(nearest("", {"y"}).empty());
  CHECK(did_you_mean("retile", {"reptile"}) == "; did you mean reptile?");
}
