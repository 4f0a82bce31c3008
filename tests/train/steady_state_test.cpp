#include <doctest/doctest.h>

#include <new>

#include "maml/base/error.h"
#include "maml/train/experiment.h"
#include "maml/train/outer_loop.h"
#include "tests/support/allocations.h"
#include "tests/train/small_run.h"

#if !MAML_SANITIZED

TEST_CASE("steady state: after the first, a meta-iteration allocates nothing") {
  using namespace maml;
  using maml_test::allocations;
  const std::size_t before = allocations();
  ::operator delete(::operator new(1));  // a call, not an expression: compilers may leave those out
  CHECK(allocations() > before);

  for (const char* algorithm : {"maml", "fomaml", "anil", "reptile", "meta_sgd", "pretrained"}) {
    for (const int threads : {1, 2}) {
      INFO(algorithm, " on ", threads);
      Options options = test::small_run();
      options.outer.algorithm = algorithm;
      options.outer.clip = 10;
      options.outer.clip_norm = 100;
      options.train.group = 2;
      options.train.memory_mib = 8;
      if (options.outer.algorithm == "reptile") options.inner.batch = 2;
      if (options.outer.algorithm == "fomaml") options.inner.step_weights = {0.1, 0.2, 0.7};
      const Experiment experiment(options);
      auto weights = experiment.initial();
      OuterLoop loop(*experiment.model, *experiment.domain, experiment.options, threads, weights);
      std::size_t start = 0;
      for (int i = 0; i < 20; ++i) {
        if (i == 1) start = allocations();
        loop.step(weights, i);
      }
      CHECK(allocations() - start == 0);
    }
  }
}

#endif
