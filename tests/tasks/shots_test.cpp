#include "maml/tasks/shots.h"

#include <doctest/doctest.h>

#include <vector>

#include "maml/nn/model.h"
#include "maml/tasks/given.h"

namespace maml {

namespace {

std::vector<std::size_t> rows_by_class(const std::vector<float>& labels) {
  std::vector<std::size_t> rows = {7};
  count_rows_by_class<float>(labels, rows);
  return rows;
}

std::vector<float> weights(const std::vector<float>& labels, Normalisation normalisation) {
  return class_weights<float>(labels, rows_by_class(labels), normalisation);
}

}  // namespace

TEST_CASE("shots of a given support set are the rows of one class, their mean where these are unequal") {
  CHECK(rows_by_class({0, 2, 0}) == std::vector<std::size_t>{2, 0, 1});
  CHECK(shots_of(rows_by_class({2, 0, 1})) == 1);
  CHECK(shots_of(rows_by_class({0, 1, 1, 0, 1, 0})) == 3);
  CHECK(shots_of(rows_by_class({3, 3, 0, 0})) == 2);
  CHECK(shots_of(rows_by_class({0, 1, 1, 1, 1})) == 2);
  CHECK(shots_of(rows_by_class({0, 1, 1})) == 1);
}

TEST_CASE("class weights make the mean of the classes' means, or their sum, of unequal numbers of rows") {
  CHECK(weights({0, 1, 1, 0}, Normalisation::mean).empty());
  CHECK(weights({0, 2, 2, 0}, Normalisation::sum_over_shots).empty());
  const std::vector<float> labels = {1, 0, 1, 1, 3, 1};
  for (const auto normalisation : {Normalisation::mean, Normalisation::sum_over_shots}) {
    const auto w = weights(labels, normalisation);
    const bool is_mean = normalisation == Normalisation::mean;
    const float divisor = is_mean ? 6 : static_cast<float>(shots_of(rows_by_class(labels)));
    std::vector<float> of_class(4);
    for (std::size_t row = 0; row < labels.size(); ++row)
      of_class[static_cast<std::size_t>(labels[row])] += w[row] / divisor;
    const float share = is_mean ? 1.f / 3 : 1.f;
    for (const std::size_t c : {0u, 1u, 3u}) CHECK(of_class[c] == doctest::Approx(share));
  }
}

TEST_CASE("given tasks: shots are counted in the support set, whatever an episode's are, for query batches too") {
  const std::vector<float> x(20), labels = {0, 1, 2, 2, 1, 0, 0, 1, 1, 1};
  for (const bool counts_classes : {true, false})
    for (const bool couple : {true, false}) {
      const auto domain =
          make_given<float>(Shape{{1}},
                            [&](const Draw& draw) {
                              const std::size_t rows = draw.first == 0 ? 6 : 3;
                              return GivenTask<float>{x.data(), labels.data(), x.data(), labels.data() + 6, rows, 4};
                            },
                            {.counts_classes = counts_classes});
      EpisodeOptions episode;
      episode.shots = 10;
      episode.couple_query = couple;
      const auto check = [&]<class T>(T) {
        const auto group = domain->group<T>(1, episode);
        for (const auto& [first, shots] : {std::pair{0u, counts_classes ? 2u : 6u}, {1u, counts_classes ? 1u : 3u}}) {
          group->draw({.first = first});
          CHECK(group->support(0, {}).shots == shots);
          CHECK(group->query({}).shots == shots);
        }
      };
      check(0.f);
      check(0.0);
    }
}

}  // namespace maml
