#include <doctest/doctest.h>

#include <vector>

#include "maml/base/error.h"
#include "maml/tasks/given.h"
#include "maml/train/evaluation.h"
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

TEST_CASE("given tasks: weights of rows go with them, copied or not") {
  const std::size_t support = 2, query = 3;
  std::vector<float> x(20), weights(20);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i) / 8;
  for (const bool with_support : {false, true}) {
    const auto domain =
        make_given<float>(Shape{{1}},
                          [&](const Draw& draw) {
                            GivenTask<float> task{x.data(), x.data(), x.data(), x.data(), support, query};
                            task.query_weight = weights.data() + 5 * draw.first;
                            if (with_support) task.support_weight = weights.data() + 10 + 2 * draw.first;
                            return task;
                          },
                          {1, true});
    const auto check = [&]<class T>(T, bool couple) {
      EpisodeOptions episode;
      episode.couple_query = couple;
      const auto group = domain->group<T>(2, episode);
      group->draw({});
      const std::size_t first = couple ? support : 0;
      const auto of = [](const Batch<T>& batch, std::size_t task, std::size_t row) {
        return batch.weight[static_cast<std::ptrdiff_t>(task) * batch.weight_stride + static_cast<std::ptrdiff_t>(row)];
      };
      for (std::size_t task = 0; task < 2; ++task) {
        const auto judged = group->query({});
        for (std::size_t row = 0; row < query; ++row)
          CHECK(of(judged, task, first + row) == static_cast<T>(weights[5 * task + row]));
        const auto adapted = group->support(0, {});
        if (!with_support && adapted.weight == nullptr) continue;
        for (std::size_t row = 0; row < support; ++row)
          CHECK(of(adapted, task, row) == (with_support ? static_cast<T>(weights[10 + 2 * task + row]) : T(1)));
      }
    };
    check(0.f, false);
    check(0.f, true);
    check(0.0, false);
  }
}

TEST_CASE("given tasks: an evaluation takes those of unequal numbers of rows") {
  Options options;
  options.model = {.input = {1}, .layers = {"linear 3", "tanh", "linear 1"}};
  options.data.domain = "given";
  std::vector<float> numbers(64);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i % 7) / 7 - 0.4f;
  const std::vector<std::size_t> rows = {3, 9, 2, 6};
  const auto experiment = [&](std::size_t from) {
    const Options complete = resolved(options);
    return Experiment(complete, std::make_unique<Model>(complete.model),
                      make_given<float>(Shape{{1}}, [&, from](const Draw& draw) {
                        const std::size_t n = rows[from + draw.first];
                        return GivenTask<float>{
                            numbers.data(), numbers.data() + 20, numbers.data() + 1, numbers.data() + 30, n, 12 - n};
                      }));
  };
  const auto measured = [&](std::size_t from, std::size_t tasks, int threads) {
    const Experiment whole = experiment(from);
    return evaluate(whole, whole.initial(), {.tasks = tasks, .steps = 2}, {.threads = threads}).steps;
  };
  const auto together = measured(0, 4, 2);
  for (std::size_t k = 0; k < 3; ++k) {
    double mean = 0;
    for (std::size_t i = 0; i < 4; ++i) mean += measured(i, 1, 1)[k].mean / 4;
    CHECK(together[k].mean == doctest::Approx(mean).epsilon(1e-12));
  }
  CHECK_THROWS_WITH(
      make_domain(options.data, nullptr),
      "[data.domain] is 'given': the tasks were handed over by a program, which alone can make them again "
      "(from Python: MetaLearner.load(..).score(tasks))");
}

}  // namespace maml
