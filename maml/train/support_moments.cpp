#include "maml/train/support_moments.h"

#include <algorithm>

#include "maml/base/aligned.h"
#include "maml/base/error.h"

namespace maml {

namespace {

/// The layers up to the one whose output this layer reads; views hold nothing of their own.
std::size_t layers_before(const Model& model, std::size_t layer) {
  int source = model.sources(layer).first;
  const auto at = [&] { return static_cast<std::size_t>(source); };
  while (source >= 0 && model.layer(at()).info().is_view) source = model.sources(at()).first;
  return static_cast<std::size_t>(source) + 1;
}

}  // namespace

ChannelMoments support_moments(const Model& model, const AdaptedModel& adapted, std::size_t layer) {
  require(adapted.needs_support(), model.layer_name(layer), "takes no statistics of a support set");
  const auto& support = adapted.support().x;
  const std::size_t rows = support.size() / model.input().size();
  const auto map =
      make_feature_map<float>(model, layers_before(model, layer),
                              {.evaluating = true, .statistics = adapted.statistics()}, adapted.state().data());
  AlignedArray<float> x(support.size()), tape(map->tape_size(rows)), values(rows * map->features());
  std::copy(support.begin(), support.end(), x.data());
  Batch<float> batch;
  batch.rows = batch.support_rows = rows;
  batch.x = x.data();
  map->forward({adapted.parameters().data(), 0, adapted.steps()}, batch, tape.data(), values.data(), 0);

  const std::size_t channels = model.layer(layer).info().input.channels();
  const std::size_t positions = values.size() / channels;
  ChannelMoments moments;
  for (std::size_t channel = 0; channel < channels; ++channel) {
    double sum = 0, squares = 0;
    for (std::size_t p = 0; p < positions; ++p) sum += static_cast<double>(values[p * channels + channel]);
    const double mean = sum / static_cast<double>(positions);
    for (std::size_t p = 0; p < positions; ++p) {
      const double distance = static_cast<double>(values[p * channels + channel]) - mean;
      squares += distance * distance;
    }
    moments.mean.push_back(static_cast<float>(mean));
    moments.variance.push_back(static_cast<float>(squares / static_cast<double>(positions)));
  }
  return moments;
}

}  // namespace maml
