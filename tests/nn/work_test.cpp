#include <doctest/doctest.h>

#include "maml/nn/work.h"

using namespace maml;

TEST_CASE("work: the count of docs/performance.md") {
  const Model model({{1}, {"linear 40", "relu", "linear 40", "relu", "linear 1"}, "mse", "mean"});
  WorkOptions options;
  options.support_rows = options.query_rows = 10;
  // A gradient: forward 1680 + weights 1680 + inputs 1640 multiply-adds a row; H v: 40 + 2 x 1640, the same for the
  // weights, 2 x 1640 for the inputs.
  CHECK(meta_gradient_flops(model, options) == 2 * (20 * 5000.0 + 10 * (2 * 3320 + 3280)));
  options.second_order = false;
  CHECK(meta_gradient_flops(model, options) == 2 * 20 * 5000.0);
  // Reptile only evaluates the query loss.
  options.query_gradients = 0;
  CHECK(meta_gradient_flops(model, options) == 2 * (10 * 5000.0 + 10 * 1680.0));
  // ANIL: the front forward and backward once for support and query; the head 40 x 1, its input's gradient for the
  // query and in H v.
  options.query_gradients = 1;
  options.second_order = true;
  options.mask = {0, 0, 0, 0, 1, 1};
  options.front_layers = 4;
  const double front = 10 * (1640 + 1640 + 1600.0), head = 10 * 40 * 2, head_query = 10 * 40 * 3,
               hvp = 10 * 40 * (1 + 1 + 2);
  CHECK(meta_gradient_flops(model, options) == 2 * (2 * front + head + head_query + hvp));
}
