#include <doctest/doctest.h>

#include <vector>

#include "maml/tasks/given.h"
#include "maml/train/meta_batch.h"

namespace maml {

TEST_CASE("given tasks of unequal numbers of rows: the mean of each alone, at any number of threads") {
  const Model model({.input = {2}, .layers = {"linear 3", "tanh", "linear 1"}});
  std::vector<float> numbers(64);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i % 7) / 7 - 0.4f;
  const std::vector<std::size_t> rows = {3, 9, 2, 6};
  const auto domain_of = [&](std::size_t from) {
    return make_given<float>(Shape{{2}}, [&, from](const Draw& draw) {
      const std::size_t n = rows[from + draw.first];
      return GivenTask<float>{numbers.data(), numbers.data() + 20, numbers.data() + 1, numbers.data() + 30, n, 12 - n};
    });
  };
  const auto theta = model.initial<float>(1);
  MetaBatchOptions options;
  options.inner = {.steps = 2, .alpha = 0.1};
  options.tasks = rows.size();
  options.threads = 1;
  const auto all = domain_of(0);
  MetaBatch<float> batch(model, *all, options);
  const auto together = batch.gradient(theta.data(), 0);
  std::vector<double> mean(theta.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto one = domain_of(i);
    options.tasks = 1;
    MetaBatch<float> alone(model, *one, options);
    const auto& result = alone.gradient(theta.data(), 0);
    CHECK(result.losses[0] == together.losses[i]);
    for (std::size_t e = 0; e < mean.size(); ++e) mean[e] += static_cast<double>(result.gradient[e]) / 4;
  }
  for (std::size_t e = 0; e < mean.size(); ++e)
    CHECK(static_cast<double>(together.gradient[e]) == doctest::Approx(mean[e]).epsilon(1e-5));
  options.tasks = rows.size();
  options.threads = 3;
  MetaBatch<float> threaded(model, *all, options);
  CHECK(threaded.gradient(theta.data(), 0).gradient == together.gradient);
}

}  // namespace maml
