#include "maml/base/workers.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "maml/base/error.h"

using namespace maml;

TEST_CASE("workers: every item once, on workers that exist, loop after loop") {
  for (const int threads : {1, 2, 5}) {
    Workers workers(threads);
    CHECK(workers.count() == threads);
    for (const std::size_t items : {0u, 1u, 3u, 100u}) {
      for (int round = 0; round < 50; ++round) {
        std::vector<int> seen(items);
        std::vector<int> by(static_cast<std::size_t>(threads));  // no two items of a worker at once
        workers.each(items, [&](int worker, std::size_t item) {
          ++seen[item];
          ++by.at(static_cast<std::size_t>(worker));
        });
        CHECK(seen == std::vector<int>(items, 1));
        int sum = 0;
        for (const int count : by) sum += count;
        CHECK(sum == static_cast<int>(items));
      }
    }
  }
}

TEST_CASE("workers: all of them get to work after a sleep") {
  Workers workers(3);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // long enough to fall asleep
  std::atomic<int> arrived{0};
  workers.each(3, [&](int, std::size_t) {
    ++arrived;
    while (arrived < 3) std::this_thread::yield();  // ends only if three threads are here at once
  });
  CHECK(arrived == 3);
}

TEST_CASE("workers: the exception of the lowest failing item comes out, and the next loop works") {
  for (const int threads : {1, 4}) {
    Workers workers(threads);
    for (int round = 0; round < 20; ++round) {
      std::atomic<int> begun{0};
      std::string message;
      try {
        workers.each(1000, [&](int, std::size_t item) {
          ++begun;
          if (item >= 10) fail("item", item);
        });
      } catch (const Error& error) {
        message = error.what();
      }
      CHECK(message == "[item] 10");
      CHECK(begun < 1000);
      int sum = 0;
      std::vector<int> seen(64);
      workers.each(64, [&](int, std::size_t item) { ++seen[item]; });
      for (const int count : seen) sum += count;
      CHECK(sum == 64);
    }
  }
}

TEST_CASE("workers: at least one processor") {
  CHECK(available_threads() >= 1);
}
