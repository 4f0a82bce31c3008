#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "maml/base/rng.h"
#include "maml/train/adapt.h"
#include "maml/train/inner_loop.h"

namespace maml::test {

/// A classifier of 5 ways that adapts by 3 steps.
inline Options classifier(std::vector<std::size_t> input, std::vector<std::string> layers) {
  Options options;
  options.model.input = std::move(input);
  options.model.layers = std::move(layers);
  options.model.loss = "cross_entropy";
  options.inner.alpha = RateTable(0.1);
  options.inner.steps = 3;
  options.data.domain = "images";
  options.data.ways = 5;
  return options;
}

/// A model as it is before training.
inline LoadedModel initial_model(const Options& given) {
  LoadedModel result;
  result.options = resolved(given);
  result.model = std::make_unique<Model>(result.options.model);
  result.weights = {result.model->initial<float>(3),
                    InnerLoop<float>(*result.model, result.options.inner).initial_rates(),
                    result.model->initial_state<float>()};
  return result;
}

inline std::vector<float> noise(std::size_t size, std::uint64_t seed) {
  Rng rng(seed, Purpose::test_task, 0, 0);
  std::vector<float> values(size);
  for (auto& value : values) value = static_cast<float>(rng.uniform());
  return values;
}

}  // namespace maml::test
