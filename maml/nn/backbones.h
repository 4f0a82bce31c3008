#pragma once

#include <string>
#include <vector>

namespace maml {

/// Networks that the literature has names for, without the last layer that gives the outputs.
std::vector<std::string> backbone_names();

/// The layers with each text `backbone NAME` replaced by what it stands for:
/// * conv4-32, conv4-48, conv4-64: four times convolution 3 x 3, batch norm, rectifier. With down=pool each is pooled,
///   and the end flattened (Finn et al. 2017, mini-ImageNet); with down=stride the convolutions have stride 2, and the
///   mean over pixels ends them (the same, Omniglot).
/// * mlp-omniglot: 256, 128, 64 and 64 units, each with batch norm and rectifier (the same).
/// * resnet12: four residual blocks of 64, 160, 320 and 640 filters, each three convolutions with a 1 x 1 convolution
///   beside them, then pooled by 2; in the end the mean over pixels (Lee et al. 2019).
/// mode and gamma are those of the batch norms (transductive; false, but true for resnet12). Throws Error that names
/// the nearest backbone.
std::vector<std::string> expanded_layers(const std::vector<std::string>& layers);

}  // namespace maml
