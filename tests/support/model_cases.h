#pragma once

#include <vector>

#include "maml/nn/model.h"

namespace maml::test {

struct ModelCase {
  const char* name;
  ModelOptions model;
};

/// Every layer and loss stands in at least one of these; so does every kind of coupling between them.
inline const std::vector<ModelCase>& model_cases() {
  static const std::vector<ModelCase> list = {
      {"sinusoid", {{1}, {"linear 9", "relu", "linear 7", "relu", "linear 1"}, "mse", "mean"}},
      {"sinusoid 1-40-40-1", {{1}, {"linear 40", "relu", "linear 40", "relu", "linear 1"}, "mse", "mean"}},
      {"oracle input, two outputs", {{3}, {"linear 5", "leaky_relu slope=0.1", "linear 2"}, "mse", "sum/shots"}},
      {"smooth classifier",
       {{6},
        {"linear 10", "layer_norm", "tanh", "linear 9 bias=false", "gelu", "linear 8", "sigmoid", "linear 3"},
        "cross_entropy",
        "sum/shots"}},
      {"wide rows", {{19}, {"linear 33", "layer_norm", "gelu", "linear 17"}, "cross_entropy", "mean"}},
      {"images, transductive",
       {{7, 6, 2},
        {"conv2d 3 kernel=3 stride=2 padding=same", "batch_norm mode=transductive gamma=false", "relu", "max_pool 2",
         "flatten", "linear 3"},
        "cross_entropy",
        "sum/shots"}},
      {"images, support statistics",
       {{6, 6, 1},
        {"conv2d 4 padding=same", "batch_norm mode=support", "relu", "max_pool 3 stride=2",
         "conv2d 3 kernel=2 padding=valid", "batch_norm mode=support", "gelu", "flatten", "linear 3"},
        "cross_entropy",
        "mean"}},
      {"images, running statistics, parameters per step",
       {{5, 5, 2},
        {"conv2d 4 kernel=5 padding=same bias=false", "batch_norm mode=running per_step=3", "tanh", "flatten",
         "linear 4"},
        "cross_entropy",
        "mean"}},
      {"images of many channels, average pools",
       {{7, 9, 3},
        {"conv2d 12 stride=2", "batch_norm", "relu", "conv2d 17 kernel=2 padding=valid bias=false",
         "batch_norm gamma=false", "leaky_relu slope=0.2", "avg_pool 2 stride=1", "conv2d 8 kernel=1 stride=2",
         "global_mean", "linear 3"},
        "cross_entropy",
        "sum/shots"}},
      {"images, joined pooling over support statistics",
       {{8, 7, 1},
        {"conv2d 9 kernel=4", "batch_norm mode=support", "leaky_relu slope=0.1", "max_pool 3", "conv2d 6 kernel=2",
         "batch_norm mode=support", "max_pool 2", "flatten", "linear 2"},
        "cross_entropy",
        "mean"}},
      {"residual blocks",
       {{6, 5, 2},
        {"keep a",
         "conv2d 5",
         "batch_norm",
         "leaky_relu slope=0.1",
         "conv2d 4",
         "batch_norm",
         "keep b",
         "from a",
         "conv2d 4 kernel=1 bias=false",
         "batch_norm gamma=false",
         "add b",
         "leaky_relu slope=0.1",
         "max_pool 2",
         "keep c",
         "conv2d 4",
         "batch_norm",
         "tanh",
         "add c",
         "add c",
         "global_mean",
         "linear 3"},
        "cross_entropy",
        "mean"}},
      {"an output added to itself",
       {{4},
        {"linear 6", "keep a", "add a", "tanh", "keep b", "linear 6", "keep c", "add c", "add b", "linear 2"},
        "mse",
        "mean"}},
      {"vectors with batch norm",
       {{4}, {"linear 6", "batch_norm mode=support per_step=2", "tanh", "linear 2"}, "mse", "mean"}},
      {"gaussian policy", {{2}, {"linear 8", "tanh", "linear 2", "gaussian log_std=-0.5"}, "policy_gradient", "mean"}},
  };
  return list;
}

}  // namespace maml::test
