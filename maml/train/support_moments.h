#pragma once

#include <cstddef>
#include <vector>

#include "maml/train/adapt.h"

namespace maml {

/// One value a channel, in the model's own order.
struct ChannelMoments {
  std::vector<float> mean, variance;
};

/// Mean and variance of what layer `layer` of the model reads, over the support rows and their pixels: those that its
/// batch norm takes in the predictions of a model adapted with statistics `support`, so that a program that has no
/// support set can predict with two numbers a channel. Throws Error where the adapted model does not need its support
/// set.
ChannelMoments support_moments(const Model&, const AdaptedModel&, std::size_t layer);

}  // namespace maml
