#include "maml/nn/backbones.h"

#include <doctest/doctest.h>

#include "maml/base/error.h"
#include "maml/nn/model.h"

using namespace maml;

TEST_CASE("backbones: the original's networks, by name") {
  const Model omniglot({{28, 28, 1}, {"backbone conv4-64 down=stride", "linear 5"}, "cross_entropy", "sum/shots"});
  CHECK(omniglot.parameters() == 640 + 3 * 36928 + 4 * 64 + 65 * 5);
  CHECK(omniglot.layer(omniglot.layer_count() - 1).info().input == Shape{{64}});
  // 32,645 weights and 4 x 32 biases of the norms, as in the checkpoint that the original's authors published.
  const Model mini({{84, 84, 3}, {"backbone conv4-32", "linear 5"}, "cross_entropy", "sum/shots"});
  CHECK(mini.parameters() == 32645 + 4 * 32);
  const Model mlp({{28, 28, 1}, {"backbone mlp-omniglot", "linear 5"}, "cross_entropy", "sum/shots"});
  CHECK(mlp.layer(1).info().output == Shape{{256}});
  CHECK(mlp.parameters() == 785 * 256 + 257 * 128 + 129 * 64 + 65 * 64 + 256 + 128 + 64 + 64 + 65 * 5);
  const Model resnet({{84, 84, 3}, {"backbone resnet12", "linear 5"}, "cross_entropy", "mean"});
  // 9 C C' + 2 x 9 C'^2 + C C' weights a block, and four norms of 2 C'.
  std::size_t count = 641 * 5, in = 3;
  for (const std::size_t out : {64u, 160u, 320u, 640u}) {
    count += 10 * in * out + 18 * out * out + 8 * out;
    in = out;
  }
  CHECK(resnet.parameters() == count);
  CHECK(resnet.layer(resnet.layer_count() - 1).info().input == Shape{{640}});
  CHECK(!mini.couples_query({}));
  CHECK(Model({{84, 84, 3}, {"backbone conv4-32 mode=support gamma=true", "linear 5"}, "cross_entropy", "mean"})
            .couples_query({}));
}

TEST_CASE("backbones: other layers stay as they are; what is wrong is said by name") {
  CHECK(expanded_layers({"linear 4", "relu"}) == std::vector<std::string>{"linear 4", "relu"});
  const auto once = expanded_layers({"backbone mlp-omniglot", "linear 5"});
  CHECK(once.size() == 14);
  CHECK(expanded_layers(once) == once);
  CHECK_THROWS_WITH_AS(expanded_layers({"backbone conv4-63"}), doctest::Contains("did you mean conv4-64?"), Error);
  CHECK_THROWS_WITH_AS(expanded_layers({"backbone"}), doctest::Contains("the name is missing"), Error);
  CHECK_THROWS_WITH_AS(expanded_layers({"backbone conv4-64 pool=2"}), doctest::Contains("unknown key 'pool'"), Error);
}
