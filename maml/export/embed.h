#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "maml/train/adapt.h"
#include "maml/train/experiment.h"

namespace maml {

// Models for maml_adapt, the small library of embed/ (docs/embedding.md; the format: embed_format.h).

/// The bytes of a trained model, which adapts there as `adapt` does here, with the batch statistics that `adapt` takes
/// unless told. Throws Error, by name, for what maml_adapt does not have: layers but linear, conv2d, batch_norm, relu,
/// leaky_relu, max_pool, avg_pool, global_mean and flatten, the loss policy_gradient, momentum.
std::vector<std::byte> format_embed(const LoadedModel&);
/// The bytes of an adapted one, which predicts there: what maml_adapt_save writes after the same adaptation.
std::vector<std::byte> format_embed(const LoadedModel&, const AdaptedModel&);

/// Writes them atomically.
void write_embed(const std::string& path, const LoadedModel&);
void write_embed(const std::string& path, const LoadedModel&, const AdaptedModel&);

}  // namespace maml
