#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "maml/base/workers.h"
#include "maml/train/tree_sum.h"

using namespace maml;

namespace {

float leaf_value(std::size_t leaf, std::size_t i) {
  return std::sin(static_cast<float>(31 * leaf + i)) * std::exp2(static_cast<float>(leaf % 13));
}

/// Level by level, as the contract says.
std::vector<float> plain_tree(std::size_t leaves, std::size_t width) {
  std::vector<std::vector<float>> rows(leaves, std::vector<float>(width));
  for (std::size_t leaf = 0; leaf < leaves; ++leaf)
    for (std::size_t i = 0; i < width; ++i) rows[leaf][i] = leaf_value(leaf, i);
  while (rows.size() > 1) {
    std::vector<std::vector<float>> next;
    for (std::size_t r = 0; r < rows.size(); r += 2) {
      next.push_back(rows[r]);
      if (r + 1 == rows.size()) continue;
      for (std::size_t i = 0; i < width; ++i) next.back()[i] += rows[r + 1][i];
    }
    rows = std::move(next);
  }
  return rows[0];
}

/// The leaves from `first` on, in two parts of the columns.
void hand_in(TreeSum<float>& sum, std::size_t first, std::size_t count, std::size_t width) {
  const std::size_t left = width / 3, right = width - left;
  std::vector<float> parts[] = {std::vector<float>(count * left), std::vector<float>(count * right)};
  for (std::size_t leaf = 0; leaf < count; ++leaf)
    for (std::size_t i = 0; i < width; ++i)
      (i < left ? parts[0][leaf * left + i] : parts[1][leaf * right + i - left]) = leaf_value(first + leaf, i);
  const TreeSum<float>::Columns columns[] = {{parts[0].data(), left}, {parts[1].data(), right}};
  sum.add(first, count, columns);
}

}  // namespace

TEST_CASE("tree sum: the tree over the index, whatever the order of arrival") {
  constexpr std::size_t width = 19;
  for (const std::size_t leaves : {1, 2, 3, 5, 8, 25, 33}) {
    INFO(leaves);
    const auto expected = plain_tree(leaves, width);
    const auto check = [&](const TreeSum<float>& sum) {
      for (std::size_t i = 0; i < width; ++i) CHECK(sum.sum()[i] == expected[i]);
    };
    TreeSum<float> one(leaves, width, 1, 1);
    for (int round = 0; round < 3; ++round) {
      for (std::size_t leaf = 0; leaf < leaves; ++leaf) hand_in(one, leaf, 1, width);
      check(one);
    }
    TreeSum<float> any(leaves, width, static_cast<int>(leaves), 1);  // all in hand at once
    std::size_t leaf = leaves / 2;
    for (std::size_t n = 0; n < leaves; ++n, leaf = (leaf + leaves - 1) % leaves) hand_in(any, leaf, 1, width);
    check(any);

    for (const std::size_t range : {1, 3, 7, 12, 40}) {
      Workers workers(4);
      TreeSum<float> many(leaves, width, 4, range);
      const std::size_t items = (leaves + range - 1) / range;
      for (int round = 0; round < 20; ++round) {
        workers.each(items, [&](int, std::size_t item) {
          hand_in(many, item * range, std::min(range, leaves - item * range), width);
        });
        check(many);
      }
    }
    std::vector<float> column(leaves);
    for (std::size_t at = 0; at < leaves; ++at) column[at] = leaf_value(at, 4);
    double sum = 0;
    for (const float value : column) sum += static_cast<double>(value);
    CHECK(tree_sum(column.data(), leaves) == doctest::Approx(sum));
  }
}

TEST_CASE("tree sum: holds few rows") {
  CHECK(TreeSum<float>::bytes(1024, 16, 2, 1) <= 40 * 16 * sizeof(float));
  CHECK(TreeSum<float>::bytes(2, 16, 8, 1) == 2 * 16 * sizeof(float));
}

TEST_CASE("tree sum: begins anew after an error") {
  TreeSum<double> sum(3, 2, 1, 1);
  const auto fill = [&](std::size_t leaf) {
    double row[] = {static_cast<double>(leaf + 1), static_cast<double>(leaf + 1)};
    const TreeSum<double>::Columns columns[] = {{row, 2}};
    sum.add(leaf, 1, columns);
  };
  fill(0);
  sum.reset();
  for (const std::size_t leaf : {0, 1, 2}) fill(leaf);
  CHECK(sum.sum()[1] == 6);
}
