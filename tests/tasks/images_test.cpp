#include "maml/tasks/images.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "maml/base/error.h"
#include "maml/tasks/domains.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/allocations.h"
#include "tests/support/packs.h"

using namespace maml;
using maml_test::ScratchFolder;
using maml_test::SmallPack;

namespace {

EpisodeOptions episode(std::size_t ways, std::size_t shots, std::size_t query_shots) {
  EpisodeOptions options;
  options.ways = ways;
  options.shots = shots;
  options.query_shots = query_shots;
  return options;
}

/// Which image of a SmallPack a row is.
struct Row {
  std::size_t number;  // of its class
  std::uint64_t image;
  std::size_t label;
  std::uint32_t turns;
};

class Reader {
public:
  explicit Reader(const SmallPack& pack) : pack_(pack) {}

  template <class T> std::vector<Row> rows(const Batch<T>& batch, std::size_t task) const {
    const std::size_t size = pack_.height * pack_.width * pack_.channels;
    std::vector<Row> rows;
    for (std::size_t row = 0; row < batch.rows; ++row) {
      const T* x = batch.x + static_cast<std::ptrdiff_t>(task) * batch.x_stride + row * size;
      std::vector<std::uint8_t> bytes;
      for (std::size_t i = 0; i < size; ++i) {
        bytes.push_back(static_cast<std::uint8_t>(std::lround(x[i] * 255)));
        CHECK(x[i] == static_cast<T>(bytes.back()) / 255);
      }
      const T label = batch.y[static_cast<std::ptrdiff_t>(task) * batch.y_stride + static_cast<std::ptrdiff_t>(row)];
      rows.push_back(find(bytes));
      rows.back().label = static_cast<std::size_t>(label);
      CHECK(static_cast<T>(rows.back().label) == label);
    }
    return rows;
  }

private:
  /// By trying all images in all turns.
  Row find(const std::vector<std::uint8_t>& bytes) const {
    const std::size_t classes = pack_.train + pack_.validation + pack_.test;
    for (std::size_t c = 0; c < classes; ++c)
      for (std::uint64_t i = 0; i < pack_.images; ++i) {
        auto image = pack_.image(c, i);
        for (std::uint32_t turns = 0; turns < 4; ++turns, image = turned(image))
          if (image == bytes) return {c, i, 0, turns};
      }
    FAIL("an image that the pack does not hold");
    return {};
  }

  /// A quarter turn counter-clockwise: what was the right column becomes the top row.
  std::vector<std::uint8_t> turned(const std::vector<std::uint8_t>& image) const {
    std::vector<std::uint8_t> result;
    for (std::size_t y = 0; y < pack_.width; ++y)
      for (std::size_t x = 0; x < pack_.height; ++x)
        for (std::size_t c = 0; c < pack_.channels; ++c)
          result.push_back(image[(x * pack_.width + pack_.width - 1 - y) * pack_.channels + c]);
    return result;
  }

  const SmallPack& pack_;
};

std::string refusal(const Domain& domain, Purpose purpose, const EpisodeOptions& options) {
  std::string checked, drawn;
  try {
    domain.check(purpose, options);
  } catch (const Error& error) {
    checked = error.what();
  }
  try {
    domain.group<float>(1, options)->draw({1, purpose, 0, 0});
  } catch (const Error& error) {
    drawn = error.what();
  }
  CHECK(checked == drawn);
  return checked;
}

}  // namespace

TEST_CASE("images: a task's classes are of its split, its images differ, its labels are the order drawn") {
  const ScratchFolder folder;
  for (const std::size_t channels : {1u, 3u}) {
    SmallPack small;
    small.channels = channels;
    small.write(folder.file("a.maml"));
    const auto domain = make_images({folder.file("a.maml")});
    CHECK(domain->input() == Shape{{6, 6, channels}});
    CHECK(domain->targets() == 1);
    CHECK(domain->classes() == 8);
    const Reader reader(small);
    const auto options = episode(5, 2, 3);
    const auto group = domain->group<double>(4, options);
    const std::map<Purpose, std::pair<std::size_t, std::size_t>> splits = {
        {Purpose::train_task, {0, 8}}, {Purpose::validation_task, {8, 14}}, {Purpose::test_task, {14, 21}}};
    for (const auto& [purpose, range] : splits) {
      std::set<std::size_t> seen;
      for (std::uint32_t draw = 0; draw < 5; ++draw) {
        group->draw({7, purpose, draw, 0});
        for (std::size_t task = 0; task < 4; ++task) {
          const auto support = reader.rows(group->support(0, {}), task), query = reader.rows(group->query({}), task);
          CHECK(support.size() == 10);
          CHECK(query.size() == 15);
          std::set<std::pair<std::size_t, std::uint64_t>> images;
          std::map<std::size_t, std::size_t> label_of;
          for (const auto* rows : {&support, &query})
            for (std::size_t row = 0; row < rows->size(); ++row) {
              const Row& one = (*rows)[row];
              CHECK(one.label == row % 5);
              CHECK(one.turns == 0);
              CHECK((one.number >= range.first && one.number < range.second));
              CHECK(label_of.emplace(one.number, one.label).first->second == one.label);
              images.emplace(one.number, one.image);
              seen.insert(one.number);
            }
          CHECK(images.size() == 25);
          CHECK(label_of.size() == 5);
        }
      }
      CHECK(seen.size() == range.second - range.first);
    }
  }
}

TEST_CASE("images: every class gets every label and every image its turn, each about as often") {
  const ScratchFolder folder;
  const SmallPack small;
  small.write(folder.file("a.maml"));
  const Reader reader(small);
  const auto group = make_images({folder.file("a.maml"), "task"})->group<float>(600, episode(4, 1, 1));
  group->draw({3, Purpose::train_task, 0, 0});
  std::map<std::pair<std::size_t, std::size_t>, int> labels;
  std::map<std::uint32_t, int> turns;
  std::map<std::uint64_t, int> images;
  for (std::size_t task = 0; task < 600; ++task) {
    const auto support = reader.rows(group->support(0, {}), task), query = reader.rows(group->query({}), task);
    std::set<std::uint32_t> of_task;
    for (std::size_t row = 0; row < 4; ++row) {
      ++labels[{support[row].number, support[row].label}];
      ++turns[support[row].turns];
      ++images[support[row].image];
      of_task.insert(support[row].turns);
      CHECK(query[row].turns == support[row].turns);
    }
  }
  CHECK(labels.size() == 8 * 4);
  for (const auto& entry : labels) CHECK(std::abs(entry.second - 75) < 40);  // 4.6 standard deviations
  CHECK(turns.size() == 4);
  for (const auto& entry : turns) CHECK(std::abs(entry.second - 600) < 100);
  CHECK(images.size() == 9);
  for (const auto& entry : images) CHECK(std::abs(entry.second - 267) < 75);
}

TEST_CASE("images: each rotation as a class of its own") {
  const ScratchFolder folder;
  const SmallPack small;
  small.write(folder.file("a.maml"));
  const auto domain = make_images({folder.file("a.maml"), "classes"});
  CHECK(domain->classes() == 32);
  const Reader reader(small);
  const auto group = domain->group<float>(3, episode(24, 1, 2));
  group->draw({3, Purpose::validation_task, 0, 0});
  for (std::size_t task = 0; task < 3; ++task) {
    std::set<std::pair<std::size_t, std::uint32_t>> classes;
    const auto query = reader.rows(group->query({}), task);
    for (const auto& row : query) classes.emplace(row.number, row.turns);
    CHECK(classes.size() == 24);
  }
}

TEST_CASE("images: the classes of a draw have their names in the pack, with their turns") {
  const ScratchFolder scratch;
  const SmallPack pack;
  pack.write(scratch.file("pack"));
  for (const std::string rotations : {"none", "task", "classes"}) {
    const auto domain = make_images({scratch.file("pack"), rotations});
    const auto group = domain->group<float>(2, episode(3, 1, 1));
    bool has_turned = false;
    for (std::uint32_t first = 0; first < 8; ++first) {
      const Draw draw{5, Purpose::test_task, 0, first};
      const auto names = group->class_names(draw);
      group->draw(draw);
      CHECK(group->class_names(draw) == names);
      REQUIRE(names.size() == 3);
      const auto rows = Reader(pack).rows(group->support(0, {}), 0);
      for (const auto& row : rows) {
        const std::string turned = row.turns == 0 ? "" : ", turned " + std::to_string(90 * row.turns) + "\xC2\xB0";
        CHECK(names[row.label] == "test" + std::to_string(row.number - pack.train - pack.validation) + turned);
        has_turned = has_turned || row.turns != 0;
      }
    }
    CHECK(has_turned == (rotations != "none"));
  }
}

TEST_CASE("images: a task is a function of its own numbers alone, in float as in double") {
  const ScratchFolder folder;
  const SmallPack small;
  small.write(folder.file("a.maml"));
  const auto options = episode(3, 2, 2);
  std::unique_ptr<TaskGroup<float>> together, alone;
  std::unique_ptr<TaskGroup<double>> twice;
  {
    const auto domain = make_images({folder.file("a.maml"), "task"});
    together = domain->group<float>(6, options);
    alone = domain->group<float>(1, options);
    twice = domain->group<double>(1, options);
  }  // the groups outlive it
  const auto all_of = [](const auto& batch, std::size_t task) {
    const auto* x = batch.x + static_cast<std::ptrdiff_t>(task) * batch.x_stride;
    return std::vector<float>(x, x + batch.rows * 36);
  };
  together->draw({1, Purpose::train_task, 2, 0});
  const auto before = all_of(together->support(0, {}), 1);
  together->prefetch({5, Purpose::test_task, 0, 0});
  CHECK(all_of(together->support(0, {}), 1) == before);
  together->draw({1, Purpose::train_task, 9, 10});
  CHECK(all_of(together->support(0, {}), 1) != before);
  for (std::uint32_t i = 0; i < 6; ++i) {
    alone->draw({1, Purpose::train_task, 9, 10 + i});
    twice->draw({1, Purpose::train_task, 9, 10 + i});
    CHECK(all_of(together->support(0, {}), i) == all_of(alone->support(0, {}), 0));
    CHECK(all_of(together->query({}), i) == all_of(alone->query({}), 0));
    CHECK(all_of(together->query({}), i) == all_of(twice->query({}), 0));
  }
  CHECK(together->bytes() > 6 * 12 * 37 * sizeof(float));
}

TEST_CASE("images: what cannot be drawn is refused with what there is") {
  const ScratchFolder folder;
  const auto contains = [](const std::string& text, const std::string& part) { return text.find(part) != text.npos; };
  SmallPack small;
  small.validation = 0;
  const std::string path = folder.file("a.maml");
  small.write(path);
  const auto domain = make_images({path});
  CHECK(refusal(*domain, Purpose::train_task, episode(8, 4, 5)).empty());
  CHECK(refusal(*domain, Purpose::train_task, episode(9, 1, 1)) ==
        "[" + path +
            "] has 8 classes in its split train, but tasks want 9; it has train 8, validation 0, test 7 "
            "(lower data.ways)");
  CHECK(contains(refusal(*domain, Purpose::test_task, episode(8, 1, 1)), "7 classes in its split test"));
  CHECK(
      contains(refusal(*domain, Purpose::validation_task, episode(2, 1, 1)), "has no classes in its split validation"));
  CHECK(contains(refusal(*domain, Purpose::test_task, episode(2, 4, 6)),
                 "has 9 images in class test0 of its split test, but tasks want 4 support and 6 query images"));
  CHECK_THROWS_WITH_AS(make_images({path, "tsak"}), doctest::Contains("did you mean task?"), Error);
  CHECK_THROWS_WITH_AS(make_images({""}), doctest::Contains("data.file"), Error);
  CHECK_THROWS_WITH_AS(make_images({folder.file("b.maml")}), doctest::Contains("No such file"), Error);
  DomainOptions options;
  options.file = path;
  CHECK(make_domain("images", options)->classes() == 8);
  small.width = 7;
  small.write(path);
  CHECK(make_images({path})->input() == Shape{{6, 7, 1}});
  CHECK_THROWS_WITH_AS(make_images({path, "task"}), doctest::Contains("6 x 7, which cannot be turned"), Error);
}

TEST_CASE("images: a flipped bit is found when its class is first drawn") {
  const ScratchFolder folder;
  SmallPack small;
  small.train = 2;
  small.write(folder.file("a.maml"));
  std::string bytes = maml_test::bytes_of(folder.file("a.maml"));
  bytes[4096 + 36 * 9 + 40] ^= 4;
  maml_test::put_bytes(folder.file("a.maml"), bytes);
  const auto group = make_images({folder.file("a.maml")})->group<float>(1, episode(2, 1, 1));
  CHECK_THROWS_WITH_AS(group->draw({1, Purpose::train_task, 0, 0}), doctest::Contains("class train1 differ"), Error);
  group->draw({1, Purpose::test_task, 0, 0});
}

#if !MAML_SANITIZED
TEST_CASE("images: drawing allocates nothing") {
  const ScratchFolder folder;
  const SmallPack small;
  small.write(folder.file("a.maml"));
  for (const char* rotations : {"none", "task", "classes"}) {
    auto options = episode(5, 2, 3);
    options.inner_batch = 4;
    const auto group = make_images({folder.file("a.maml"), rotations})->group<float>(3, options);
    const std::size_t before = maml_test::allocations();
    for (std::uint32_t i = 0; i < 10; ++i)
      for (const Purpose purpose : {Purpose::train_task, Purpose::validation_task, Purpose::test_task}) {
        group->prefetch({1, purpose, i, 0});
        group->draw({1, purpose, i, 0});
      }
    CHECK(maml_test::allocations() == before);
  }
}
#endif
