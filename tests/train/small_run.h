#pragma once

#include <string>

#include "maml/train/options.h"
#include "tests/support/error_of.h"

namespace maml::test {

/// A run that takes milliseconds: sinusoid, 5 shots, 5 tasks, a hidden layer of 8.
inline Options small_run() {
  Options options;
  options.model.layers = {"linear 8 init=he", "tanh", "linear 8 init=he", "relu", "linear 1 init=he"};
  options.inner.steps = 2;
  options.inner.alpha = 0.01;
  options.data.shots = 5;
  options.data.tasks = 5;
  options.train.iterations = 20;
  options.train.threads = 1;
  options.train.validate_every = 7;
  options.train.validation_tasks = 10;
  options.train.checkpoint_every = 5;
  options.train.log_every = 3;
  options.eval.tasks = 10;
  options.eval.steps = 3;
  return options;
}

/// The same for images, of a SmallPack: 3 ways, 1 shot, 2 query images of a class, a convolution of 4 filters.
inline Options small_image_run(const std::string& file) {
  Options options = small_run();
  options.model.input = {6, 6, 1};
  options.model.layers = {"conv2d 4 stride=2", "batch_norm gamma=false", "relu", "global_mean", "linear 3"};
  options.model.loss = "cross_entropy";
  options.model.normalisation = "sum/shots";
  options.inner.adapt = {"*", "!norm*"};
  options.data.domain = "images";
  options.data.file = file;
  options.data.ways = 3;
  options.data.shots = 1;
  options.data.query_shots = 2;
  options.train.iterations = 6;
  options.train.validate_every = 3;
  return options;
}

}  // namespace maml::test
