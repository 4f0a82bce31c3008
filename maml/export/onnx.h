#pragma once

#include <map>
#include <string>

#include "maml/train/adapt.h"

namespace maml {

// The Open Neural Network Exchange: a model and its weights in one file that onnxruntime and others run.

/// The bytes of an ONNX file that predicts as the adapted model does, to rounding. loaded: the model that was adapted;
/// its text says what the layers are. name stands for the path in errors. The same model gives the same bytes.
///
///   x              in: (batch, channels, rows, columns) or (batch, elements), the batch of any size
///   outputs        (batch, outputs), as AdaptedModel::outputs
///   probabilities  (batch, classes), as AdaptedModel::probabilities; of classifiers
///
/// Parameters are constants under their names and in their layouts at the border, per inner step those of the step that
/// predictions take. Batch norm with statistics `support` holds those of the support set, support.NAME.mean and
/// support.NAME.var, with `running` the running ones, state.NAME.running_mean and state.NAME.running_var; with
/// `transductive` it takes them of the batch at hand. metadata: for the file's metadata_props. Throws Error that names
/// a layer of a kind that cannot be written, and where the file would pass 2 GiB.
std::string format_onnx(const LoadedModel& loaded, const AdaptedModel&,
                        const std::map<std::string, std::string>& metadata, const std::string& name);

/// Writes that atomically.
void write_onnx(const std::string& path, const LoadedModel& loaded, const AdaptedModel&,
                const std::map<std::string, std::string>& metadata);

}  // namespace maml
