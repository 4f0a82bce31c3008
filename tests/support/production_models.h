#pragma once

#include <string>
#include <vector>

#include "maml/nn/model.h"

namespace maml::test {

/// A network that presets use, and the episodes it is trained on.
struct ProductionModel {
  const char* name;
  ModelOptions model;
  std::size_t support_rows, query_rows;
  int steps;
};

inline const std::vector<ProductionModel>& production_models() {
  const auto blocks = [](std::vector<std::size_t> input, const std::vector<std::string>& block,
                         const std::vector<std::string>& head) {
    ModelOptions model{std::move(input), {}, "cross_entropy", "sum/shots"};
    for (int i = 0; i < 4; ++i) model.layers.insert(model.layers.end(), block.begin(), block.end());
    model.layers.insert(model.layers.end(), head.begin(), head.end());
    return model;
  };
  const std::vector<std::string> strided = {"conv2d 64 stride=2", "batch_norm gamma=false", "relu"};
  const std::vector<std::string> pooled = {"conv2d 32", "batch_norm gamma=false", "relu", "max_pool 2"};
  ModelOptions mlp{{28, 28, 1}, {"flatten"}, "cross_entropy", "sum/shots"};
  for (const char* layer : {"linear 256", "linear 128", "linear 64", "linear 64"})
    for (const std::string& text : {std::string(layer), std::string("batch_norm gamma=false"), std::string("relu")})
      mlp.layers.push_back(text);
  mlp.layers.push_back("linear 5");
  static const std::vector<ProductionModel> list = {
      {"omniglot-mlp-5way-1shot", mlp, 5, 5, 1},
      {"omniglot-5way-1shot", blocks({28, 28, 1}, strided, {"global_mean", "linear 5"}), 5, 5, 1},
      {"omniglot-20way-1shot", blocks({28, 28, 1}, strided, {"global_mean", "linear 20"}), 20, 20, 5},
      {"mini-imagenet-5way-1shot", blocks({84, 84, 3}, pooled, {"flatten", "linear 5"}), 5, 75, 5},
  };
  return list;
}

}  // namespace maml::test
