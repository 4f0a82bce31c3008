#pragma once

#include <string>
#include <vector>

namespace maml {

/// Networks that the literature has names for, without the last layer that gives the outputs.
std::vector<std::string> backbone_names();

/// The layers with each text `backbone NAME` replaced by what it stands for:
///   conv4-32, conv4-48, conv4-64   four times conv 3 x 3, batch norm, rectifier. down=stride: convolutions of stride
///   2,
///                                  then the mean over pixels (Finn et al. 2017, Omniglot); down=pool: max-pooling by
///                                  2, then flattened (the same, mini-ImageNet)
///   mlp-omniglot                   256, 128, 64 and 64 units, each with batch norm and rectifier (the same)
/// mode and gamma are those of the batch norms (transductive, false). Throws Error that names the nearest backbone.
std::vector<std::string> expanded_layers(const std::vector<std::string>& layers);

}  // namespace maml
