#include "maml/export/onnx.h"

#include <algorithm>

#include "maml/base/error.h"
#include "maml/export/onnx_graph.h"
#include "maml/export/onnx_layers.h"
#include "maml/io/atomic_file.h"
#include "maml/nn/backbones.h"
#include "maml/train/support_moments.h"

namespace maml {

namespace {

/// Walks a model's layers and writes each.
class ModelWriter {
public:
  ModelWriter(const LoadedModel& loaded, const AdaptedModel& adapted, OnnxGraph& graph)
      : model_(*loaded.model), adapted_(adapted), texts_(expanded_layers(loaded.options.model.layers)),
        border_(model_.to_border(adapted.parameters().data())), graph_(graph) {}

  void write() {
    graph_.input("x", border_extents(model_.input()));
    made_.push_back({"x"});
    for (std::size_t i = 0; i < model_.layer_count(); ++i) made_.push_back(layer(i));
    const std::size_t outputs = model_.output().size();
    graph_.node("Identity", "outputs", {in_order(graph_, made_.back(), {}).name});
    graph_.output("outputs", {outputs});
    if (adapted_.classes() > 0) probabilities(outputs);
  }

private:
  OnnxValue layer(std::size_t i) {
    const auto& info = model_.layer(i).info();
    const LayerText text(texts_[i]);
    const auto [first, second] = model_.sources(i);
    OnnxLayer layer{graph_, model_.layer_name(i), info, text, made_by(first)};
    if (second != -2) layer.x2 = made_by(second);
    for (std::size_t p = 0; p < info.parameters.size(); ++p) parameter(info, border_[next_parameter_++]);
    const auto statistics = model_.layer(i).statistics({.evaluating = true, .statistics = adapted_.statistics()});
    if (statistics == Statistics::support) {
      const auto [mean, variance] = support_moments(model_, adapted_, i);
      layer.mean = channels("support." + layer.name + ".mean", info, mean.data());
      layer.variance = channels("support." + layer.name + ".var", info, variance.data());
    } else if (statistics == Statistics::running) {
      layer.mean = running("running_mean", i);
      layer.variance = running("running_var", i);
    }
    return write_layer(layer);
  }

  const OnnxValue& made_by(int layer) const { return made_[static_cast<std::size_t>(layer) + 1]; }

  /// Which of `sets` parameters or statistics, one an inner step, predictions take.
  std::size_t set_of(std::size_t sets) const { return std::min(static_cast<std::size_t>(adapted_.steps()), sets - 1); }

  void parameter(const LayerInfo& info, const BorderTensor& tensor) {
    OnnxGraph::Dims shape = tensor.shape;
    std::vector<float> values(tensor.values.begin(), tensor.values.end());
    if (info.depends_on_step) {
      const std::size_t size = values.size() / shape.front(), set = set_of(shape.front());
      values = {tensor.values.begin() + static_cast<std::ptrdiff_t>(set * size),
                tensor.values.begin() + static_cast<std::ptrdiff_t>((set + 1) * size)};
      shape.erase(shape.begin());
    }
    graph_.floats(tensor.name, shape, values);
  }

  /// One value a channel, of the library's order, as a constant.
  std::string channels(const std::string& name, const LayerInfo& info, const float* values) {
    const std::size_t count = info.input.channels();
    std::vector<float> ordered(values, values + count);
    if (!info.input.is_image()) {
      const auto order = border_order(info.input);
      for (std::size_t e = 0; e < order.size(); ++e) ordered[e] = values[order[e]];
    }
    return graph_.floats(name, {count}, ordered);
  }

  std::string running(const std::string& which, std::size_t i) {
    const auto& info = model_.layer(i).info();
    const std::string name = model_.layer_name(i) + "." + which;
    const auto& slices = model_.state_slices();
    const auto slice = std::find_if(slices.begin(), slices.end(), [&](const Slice& s) { return s.name == name; });
    const std::size_t count = info.input.channels();
    return channels("state." + name, info,
                    adapted_.state().data() + slice->offset + set_of(slice->size / count) * count);
  }

  /// The softmax over the outputs in use.
  void probabilities(std::size_t outputs) {
    std::string in_use = "outputs";
    const std::size_t classes = adapted_.classes();
    if (classes < outputs) {
      const std::int64_t first[] = {0}, last[] = {static_cast<std::int64_t>(classes)}, axes[] = {1};
      in_use = graph_.node("Slice", "outputs.in_use",
                           {"outputs", graph_.integers("in_use.first", first), graph_.integers("in_use.last", last),
                            graph_.integers("in_use.axes", axes)});
    }
    graph_.node("Softmax", "probabilities", {in_use}, {{"axis", std::int64_t{1}}});
    graph_.output("probabilities", {classes});
  }

  const Model& model_;
  const AdaptedModel& adapted_;
  const std::vector<std::string> texts_;
  const std::vector<BorderTensor> border_;
  OnnxGraph& graph_;
  std::vector<OnnxValue> made_;  ///< the input, then the output of each layer
  std::size_t next_parameter_ = 0;
};

}  // namespace

std::string format_onnx(const LoadedModel& loaded, const AdaptedModel& adapted,
                        const std::map<std::string, std::string>& metadata, const std::string& name) {
  require(!loaded.model->foreign(), name,
          "cannot be written: the model has no layers of this library (export it by the framework that it is of)");
  OnnxGraph graph(name);
  ModelWriter(loaded, adapted, graph).write();
  return std::move(graph).finish(metadata);
}

void write_onnx(const std::string& path, const LoadedModel& loaded, const AdaptedModel& adapted,
                const std::map<std::string, std::string>& metadata) {
  write_atomically(path, format_onnx(loaded, adapted, metadata, path));
}

}  // namespace maml
