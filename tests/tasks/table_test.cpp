#include "maml/tasks/table.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>

#include "maml/base/error.h"
#include "maml/tasks/domains.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/allocations.h"
#include "tests/support/error_of.h"
#include "tests/support/task_packs.h"

using namespace maml;
using maml::test::error_of;
using maml_test::ScratchFolder;
using maml_test::small_task_pack;

namespace {

/// The domain over a pack in a file of its own.
struct Bench {
  ScratchFolder folder;
  std::string file = folder.file("pack.safetensors");
  TaskPack pack;

  explicit Bench(TaskPack given = small_task_pack()) : pack(std::move(given)) { write_task_pack(file, pack); }
  std::unique_ptr<Domain> domain(const std::string& rows = "any", const Columns& columns = {}) const {
    return make_table({file, rows, columns});
  }
};

EpisodeOptions episode(std::size_t shots, std::size_t query_shots) {
  EpisodeOptions options;
  options.shots = shots;
  options.query_shots = query_shots;
  return options;
}

/// The pack's rows that a batch's rows of one task are, found by the first input; checks their other values.
template <class T> std::vector<std::size_t> rows_of(const Batch<T>& batch, std::size_t task, const Columns& columns) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < batch.rows; ++i) {
    const T* x = batch.x + static_cast<std::ptrdiff_t>(task) * batch.x_stride + 2 * i;
    const T* y = batch.y + static_cast<std::ptrdiff_t>(task) * batch.y_stride + i;
    const double row = std::round(columns.restored(0, static_cast<double>(x[0])));
    CHECK(x[0] == static_cast<T>(columns.standardised(0, row)));
    CHECK(x[1] == static_cast<T>(columns.standardised(1, 2 * row)));
    CHECK(y[0] == static_cast<T>(columns.standardised(2, 1000 + row)));
    rows.push_back(static_cast<std::size_t>(row));
  }
  return rows;
}

const PackedTask& task_of(const TaskPack& pack, std::size_t row) {
  for (const auto& task : pack.tasks)
    if (row >= task.first && row < task.first + task.count) return task;
  FAIL("no task has the row");
  return pack.tasks.front();
}

}  // namespace

TEST_CASE_TEMPLATE("table: tasks are of their purpose's split, rows are the task's own, none twice", T, float, double) {
  const Bench bench;
  for (const std::string order : {"any", "window"}) {
    CAPTURE(order);
    const auto domain = bench.domain(order);
    CHECK(domain->input() == Shape{{2}});
    CHECK(domain->targets() == 1);
    const Columns columns = domain->columns();
    const auto group = domain->group<T>(3, episode(3, 4));
    const std::map<Purpose, Split> splits = {{Purpose::train_task, Split::train},
                                             {Purpose::validation_task, Split::validation},
                                             {Purpose::test_task, Split::test}};
    for (const auto& [purpose, split] : splits) {
      std::set<std::string> met;
      for (std::uint32_t iteration = 0; iteration < 60; ++iteration) {
        group->draw({.seed = 5, .purpose = purpose, .iteration = iteration, .first = 3});
        const auto theta = Point<T>{};
        for (std::size_t i = 0; i < 3; ++i) {
          auto rows = rows_of(group->support(0, theta), i, columns);
          const auto queries = rows_of(group->query(theta), i, columns);
          CHECK((rows.size() == 3 && queries.size() == 4));
          rows.insert(rows.end(), queries.begin(), queries.end());
          const PackedTask& task = task_of(bench.pack, rows.front());
          met.insert(task.name);
          CHECK(task.split == split);
          for (const auto row : rows) CHECK(&task_of(bench.pack, row) == &task);
          CHECK(std::set(rows.begin(), rows.end()).size() == 7);
          if (order == "window")
            for (std::size_t k = 1; k < rows.size(); ++k) CHECK(rows[k] == rows[k - 1] + 1);
        }
      }
      CHECK(met.size() == static_cast<std::size_t>(split == Split::train ? 6 : split == Split::validation ? 2 : 3));
    }
  }
}

TEST_CASE("table: a task depends on its draw alone, and drawing allocates nothing") {
  const Bench bench;
  const auto domain = bench.domain();
  const auto three = domain->group<float>(3, episode(3, 4)), one = domain->group<float>(1, episode(3, 4));
  three->draw({.seed = 1, .iteration = 9, .first = 4});
  one->draw({.seed = 1, .iteration = 9, .first = 6});
  const auto in_group = rows_of(three->support(0, {}), 2, domain->columns());
  CHECK(rows_of(one->support(0, {}), 0, domain->columns()) == in_group);
  CHECK(three->bytes() > one->bytes());
#if !MAML_SANITIZED
  const auto before = maml_test::allocations();
  for (std::uint32_t i = 0; i < 20; ++i) three->draw({.iteration = i});
  CHECK(maml_test::allocations() == before);
#endif
}

TEST_CASE("table: standardised over the rows of training tasks, or as a model says") {
  const Bench bench;
  const Columns columns = bench.domain()->columns();
  CHECK(columns.inputs == bench.pack.inputs);
  CHECK(columns.task == "sensor");
  const std::size_t rows = 7 + 8 + 9 + 10 + 11 + 12;  // numbers 0, 1, .. 56
  CHECK(columns.means[0] == doctest::Approx((rows - 1) / 2.0));
  CHECK(columns.deviations[0] == doctest::Approx(std::sqrt((rows * rows - 1) / 12.0)));
  CHECK(columns.deviations[1] == doctest::Approx(2 * columns.deviations[0]));
  CHECK(columns.means[2] == doctest::Approx(1000 + columns.means[0]));

  // What the other splits hold does not matter.
  TaskPack other = small_task_pack();
  for (std::size_t row = rows; row < other.rows(); ++row) other.y[row] = -1e6;
  CHECK(columns_of(other, "p") == columns);

  Columns mine = columns;
  mine.means = {1, 2, 3};
  mine.deviations = {4, 5, 6};
  const auto domain = bench.domain("any", mine);
  CHECK(domain->columns() == mine);
  const auto group = domain->group<double>(1, episode(3, 4));
  group->draw({});
  (void)rows_of(group->support(0, {}), 0, mine);  // checks the values
}

TEST_CASE("table: what cannot be drawn, or does not fit, is refused by name") {
  const Bench bench;
  const auto domain = bench.domain();
  CHECK_NOTHROW(domain->check(Purpose::train_task, episode(3, 4)));
  const std::string few = "has 7 rows in task s0 of its split train, but tasks want 4 support and 4 query rows";
  CHECK(error_of([&] { domain->check(Purpose::train_task, episode(4, 4)); }).find(few) != std::string::npos);
  CHECK(error_of([&] {
          const auto group = domain->group<float>(1, episode(8, 8));
          for (std::uint32_t i = 0; i < 50; ++i) group->draw({.iteration = i});
        }).find("--min-rows 16") != std::string::npos);
  CHECK_NOTHROW(domain->check(Purpose::test_task, episode(7, 8)));
  EpisodeOptions ways = episode(2, 2);
  ways.ways = 2;
  CHECK(error_of([&] { (void)domain->group<float>(1, ways); }).find("has no ways") != std::string::npos);

  TaskPack without = small_task_pack();
  for (auto& task : without.tasks) task.split = task.split == Split::validation ? Split::test : task.split;
  const Bench lacking(without);
  CHECK(error_of([&] {
          lacking.domain()->check(Purpose::validation_task, episode(2, 2));
        }).find("has no tasks in its split validation") != std::string::npos);
  TaskPack constant = small_task_pack();
  for (std::size_t row = 0; row < constant.rows(); ++row) constant.x[2 * row] = 0.1;
  CHECK(error_of([&] { (void)columns_of(constant, "p"); }).find("[p] has the same number, 0.1, in the column hour") ==
        0);

  Columns mine = domain->columns();
  mine.inputs[0] = "day";
  CHECK(error_of([&] { (void)bench.domain("any", mine); }).find("but the model knows day") != std::string::npos);
  mine.inputs.pop_back();
  CHECK(error_of([&] { (void)bench.domain("any", mine); }).find("[data] has 3 means") == 0);
  mine = domain->columns();
  mine.deviations[1] = 0;
  CHECK(error_of([&] { (void)bench.domain("any", mine); }).find("deviations above 0") != std::string::npos);
  mine = domain->columns();
  mine.targets[0] = "hour";
  CHECK(error_of([&] { (void)bench.domain("any", mine); }).find("names the column hour twice") != std::string::npos);
  CHECK(error_of([] { (void)make_domain("table"); }).find("[table] needs a task pack") == 0);
}
