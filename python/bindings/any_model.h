#pragma once

#include "maml/base/workers.h"
#include "maml/nn/loss.h"
#include "maml/nn/model.h"
#include "maml/train/options.h"

namespace maml::python {

/// Threads that a call takes: 0 stands for all, of a foreign model for the calling one, since Python works one at a
/// time.
inline int threads_of(int threads, const Model& model) {
  if (threads != 0) return threads;
  return model.foreign() ? 1 : available_threads();
}

/// Whether targets are labels.
inline bool is_classifier(const Model& model) {
  return model.loss().name() == "cross_entropy";
}

/// The model, where it is a foreign one; null where it is that of options.
inline const Model* foreign_of(const Model& model) {
  return model.foreign() ? &model : nullptr;
}

/// foreign: the model, where it is none of `options`.
inline Options resolved_for(const Options& options, const Model* foreign) {
  return foreign ? resolved(options, *foreign) : resolved(options);
}

}  // namespace maml::python
