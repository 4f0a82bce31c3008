#include "maml/nn/model.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/nn/backbones.h"
#include "maml/nn/foreign.h"
#include "maml/nn/network.h"

namespace maml {

struct Model::Impl {
  std::unique_ptr<const ForeignModel> foreign;
  std::vector<ParameterSpec> foreign_specs;
  Shape input;
  std::vector<LayerPtr> layers;
  std::vector<std::string> names;
  std::vector<Model::Sources> sources;
  std::vector<std::size_t> parameter_offsets;  // of each layer
  std::vector<Slice> slices, state_slices;
  std::vector<const ParameterSpec*> specs;  // one a slice
  std::vector<double> state_initial;
  std::unique_ptr<Loss> loss;
  std::size_t parameters = 0;
};

namespace {

/// The layer that `from NAME` or `add NAME` names; notes what `keep NAME` keeps.
struct NamedSource {
  std::size_t layer;
  bool is_only;  ///< read in place of the layer before
};
std::optional<NamedSource> named_source(const LayerText& text, std::size_t i,
                                        std::map<std::string, std::size_t>& kept) {
  if (text.kind() == "keep") {
    kept[text.name(0, "name")] = i;
    return {};
  }
  if (text.kind() != "from" && text.kind() != "add") return {};
  const std::string& name = text.name(0, "name");
  std::vector<std::string> names;
  for (const auto& entry : kept) names.push_back(entry.first);
  require(kept.count(name) > 0, text.kind(), "nothing is kept as '", name, "'", did_you_mean(name, names),
          " (write \"keep ", name, "\" where it is made)");
  return NamedSource{kept.at(name), text.kind() == "from"};
}

}  // namespace

Model::Model(const ModelOptions& options) : impl_(std::make_unique<Impl>()) {
  Impl& self = *impl_;
  self.input = Shape{options.input};
  require(options.input.size() == 1 || options.input.size() == 3, "model.input", "has ", options.input.size(),
          " extents (write [n] for vectors or [height, width, channels] for images)");
  for (auto extent : options.input) require(extent > 0, "model.input", "every extent must be at least 1");
  checked_size("model.input", options.input);
  require(!options.layers.empty(), "model.layers",
          "is empty (write for example [\"linear 40\", \"relu\", \"linear 1\"])");
  const auto require_possible = [](std::size_t count) {
    require(count <= Network::max_layers, "model.layers", "has ", count, " layers, at most ", Network::max_layers,
            " are possible");
  };
  require_possible(options.layers.size());
  const auto texts = expanded_layers(options.layers);
  require_possible(texts.size());

  std::map<std::string, int> counts;
  Shape shape = self.input;
  std::map<std::string, std::size_t> kept;
  for (const auto& text : texts) {
    const std::size_t i = self.layers.size();
    Sources sources{static_cast<int>(i) - 1};
    const auto source = named_source(LayerText(text), i, kept);
    if (source && source->is_only) {
      sources.first = static_cast<int>(source->layer);
      shape = self.layers[source->layer]->info().output;
    }
    auto layer = make_layer(text, shape);
    const auto& info = layer->info();
    if (source && !source->is_only) {
      sources.second = static_cast<int>(source->layer);
      const Shape& other = self.layers[source->layer]->info().output;
      require(other == shape, "add", "cannot add ", to_string(other), " to ", to_string(shape), " in \"", text,
              "\" (bring them to the same shape)");
    }
    self.sources.push_back(sources);
    const std::string name = info.prefix + std::to_string(++counts[info.prefix]);
    self.parameter_offsets.push_back(self.parameters);
    for (const auto& spec : info.parameters) {
      self.slices.push_back({name + "." + spec.name, self.parameters, spec.size});
      self.specs.push_back(&spec);
      self.parameters += spec.size;
    }
    for (const auto& spec : info.state) {
      self.state_slices.push_back({name + "." + spec.name, self.state_initial.size(), spec.size});
      self.state_initial.insert(self.state_initial.end(), spec.size, spec.initial);
    }
    shape = info.output;
    // A flattened image keeps its origin through layers that leave its elements in their places: a product over them,
    // of as many outputs, does not.
    const bool keeps_places = shape == info.input && info.products_per_row == 0;
    if (keeps_places && shape.flattened_from.empty()) shape.flattened_from = info.input.flattened_from;
    self.names.push_back(name);
    self.layers.push_back(std::move(layer));
  }
  require(self.parameters > 0, "model.layers", "has no parameters to learn (add a linear or conv2d layer)");
  (void)couples_query({});
  require(shape.extents.size() == 1, "model.layers", "the output is ", to_string(shape),
          ", but the loss wants a vector (end with \"flatten\" or \"linear N\")");
  self.loss = make_loss(options.loss, options.normalisation);
  (void)self.loss->targets(shape.size());
}

Model::Model(ForeignModel given) : impl_(std::make_unique<Impl>()) {
  Impl& self = *impl_;
  require(!given.parameters.empty(), given.name, "has no parameters to learn");
  self.input = given.input;
  std::set<std::string> names;
  for (const auto& parameter : given.parameters) {
    const std::size_t size = checked_size(parameter.name, parameter.shape);
    require(names.insert(parameter.name).second, given.name, "has two parameters of the name ", parameter.name);
    require(size > 0 && parameter.initial.size() == size, parameter.name, "has ", parameter.initial.size(),
            " initial values, but ", size, " elements (at least 1)");
    ParameterSpec spec;
    spec.size = size;
    spec.border_shape = parameter.shape;
    self.foreign_specs.push_back(std::move(spec));
    self.slices.push_back({parameter.name, self.parameters, size});
    self.parameters += size;
  }
  for (const auto& spec : self.foreign_specs) self.specs.push_back(&spec);
  self.loss = make_foreign_loss(given);
  self.foreign = std::make_unique<const ForeignModel>(std::move(given));
}

Model::~Model() = default;

const ForeignModel* Model::foreign() const {
  return impl_->foreign.get();
}

std::size_t Model::parameters() const {
  return impl_->parameters;
}
std::size_t Model::state_size() const {
  return impl_->state_initial.size();
}
const std::vector<Slice>& Model::slices() const {
  return impl_->slices;
}
const std::vector<Slice>& Model::state_slices() const {
  return impl_->state_slices;
}
std::vector<std::size_t> Model::state_passes(std::size_t steps) const {
  std::vector<std::size_t> passes;
  for (std::size_t i = 0; i < layer_count(); ++i)
    for (const auto& spec : layer(i).info().state)
      for (std::size_t set = 0; set < spec.sets; ++set) {
        const bool is_last = set + 1 == spec.sets;
        passes.insert(passes.end(), spec.size / spec.sets, is_last && steps > set ? steps - set : 1);
      }
  return passes;
}
Shape Model::input() const {
  return impl_->input;
}
Shape Model::output() const {
  if (impl_->foreign) return Shape{{impl_->foreign->outputs}};
  return impl_->layers.back()->info().output;
}
std::size_t Model::layer_count() const {
  return impl_->layers.size();
}
const Layer& Model::layer(std::size_t i) const {
  return *impl_->layers[i];
}
const std::string& Model::layer_name(std::size_t i) const {
  return impl_->names[i];
}
Model::Sources Model::sources(std::size_t i) const {
  return impl_->sources[i];
}
bool Model::may_split(std::size_t i) const {
  const int least = static_cast<int>(i) - 1;
  return std::all_of(impl_->sources.begin() + static_cast<std::ptrdiff_t>(i), impl_->sources.end(),
                     [&](const Sources& s) { return s.first >= least && (s.second == -2 || s.second >= least); });
}
const Loss& Model::loss() const {
  return *impl_->loss;
}

bool Model::couples_query(Mode mode) const {
  bool couples = false, does_not = false;
  for (std::size_t i = 0; i < layer_count(); ++i) {
    const auto statistics = layer(i).statistics(mode);
    if (!statistics) continue;
    (*statistics == Statistics::support ? couples : does_not) = true;
    require(statistics != Statistics::running || !layer(i).info().state.empty(), layer_name(i),
            "keeps no running statistics (train it with mode=running, or ask for another mode)");
  }
  require(!couples || !does_not, "batch_norm",
          "mode support cannot be mixed with other modes in one model (use one mode)");
  return couples;
}

std::size_t Model::layer_at(std::size_t parameter_offset) const {
  const auto& offsets = impl_->parameter_offsets;
  const auto after = std::upper_bound(offsets.begin(), offsets.end(), parameter_offset);
  return static_cast<std::size_t>(after - offsets.begin()) - 1;
}

template <class T> std::vector<T> Model::initial(std::uint64_t seed) const {
  std::vector<T> theta(parameters());
  if (impl_->foreign) {
    auto to = theta.begin();
    for (const auto& parameter : impl_->foreign->parameters)
      to = std::transform(parameter.initial.begin(), parameter.initial.end(), to,
                          [](double value) { return static_cast<T>(value); });
    return theta;
  }
  for (std::size_t i = 0; i < slices().size(); ++i) {
    Rng rng(seed, Purpose::initial_parameters, 0, static_cast<std::uint32_t>(i));
    const auto& slice = slices()[i];
    for (std::size_t e = 0; e < slice.size; ++e)
      theta[slice.offset + e] = static_cast<T>(static_cast<float>(impl_->specs[i]->init.draw(rng)));
  }
  return theta;
}

template <class T> std::vector<T> Model::initial_state() const {
  return std::vector<T>(impl_->state_initial.begin(), impl_->state_initial.end());
}

template <class T> std::vector<BorderTensor> Model::to_border(const T* theta) const {
  std::vector<BorderTensor> tensors;
  for (std::size_t i = 0; i < slices().size(); ++i) {
    const auto& spec = *impl_->specs[i];
    BorderTensor tensor{slices()[i].name, spec.border_shape, std::vector<double>(spec.size)};
    for (std::size_t e = 0; e < spec.size; ++e)
      tensor.values[e] = static_cast<double>(theta[slices()[i].offset + (spec.order.empty() ? e : spec.order[e])]);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

namespace {

std::string shape_text(const std::vector<std::size_t>& shape) {
  std::vector<std::string> extents;
  for (auto extent : shape) extents.push_back(std::to_string(extent));
  return "(" + join(extents) + ")";
}

}  // namespace

template <class T> std::vector<T> Model::from_border(const std::vector<BorderTensor>& tensors) const {
  std::vector<std::string> names;
  for (const auto& slice : slices()) names.push_back(slice.name);
  for (const auto& tensor : tensors)
    require(std::find(names.begin(), names.end(), tensor.name) != names.end(), tensor.name,
            "is not a parameter of this model", did_you_mean(tensor.name, names), " (it has ", join(names), ")");
  std::vector<const BorderTensor*> given;
  for (std::size_t i = 0; i < slices().size(); ++i) {
    const auto& spec = *impl_->specs[i];
    const auto found =
        std::find_if(tensors.begin(), tensors.end(), [&](const auto& tensor) { return tensor.name == names[i]; });
    require(found != tensors.end(), names[i], "is missing (the model needs ", join(names), ")");
    require(found->shape == spec.border_shape && found->values.size() == spec.size, names[i], "has shape ",
            shape_text(found->shape), ", but the model needs ", shape_text(spec.border_shape));
    given.push_back(&*found);
  }
  std::vector<T> theta(parameters());  // only now: a file may name a model far larger than itself
  for (std::size_t i = 0; i < slices().size(); ++i) {
    const auto& spec = *impl_->specs[i];
    for (std::size_t e = 0; e < spec.size; ++e)
      theta[slices()[i].offset + (spec.order.empty() ? e : spec.order[e])] = static_cast<T>(given[i]->values[e]);
  }
  return theta;
}

template std::vector<float> Model::initial(std::uint64_t) const;
template std::vector<double> Model::initial(std::uint64_t) const;
template std::vector<float> Model::initial_state() const;
template std::vector<double> Model::initial_state() const;
template std::vector<BorderTensor> Model::to_border(const float*) const;
template std::vector<BorderTensor> Model::to_border(const double*) const;
template std::vector<float> Model::from_border(const std::vector<BorderTensor>&) const;
template std::vector<double> Model::from_border(const std::vector<BorderTensor>&) const;

namespace {

/// Whole-word match with * and ?.
bool matches(const char* pattern, const char* name) {
  if (*pattern == '\0') return *name == '\0';
  if (*pattern == '*') return matches(pattern + 1, name) || (*name != '\0' && matches(pattern, name + 1));
  return *name != '\0' && (*pattern == '?' || *pattern == *name) && matches(pattern + 1, name + 1);
}

}  // namespace

std::vector<unsigned char> matching_slices(const std::string& owner, const std::vector<Slice>& slices,
                                           const std::vector<std::string>& patterns) {
  std::vector<unsigned char> adapted(slices.size(), 0);
  for (const auto& pattern : patterns) {
    const bool takes_away = !pattern.empty() && pattern[0] == '!';
    bool matched = false;
    for (std::size_t i = 0; i < slices.size(); ++i) {
      if (!matches(pattern.c_str() + takes_away, slices[i].name.c_str())) continue;
      adapted[i] = !takes_away;
      matched = true;
    }
    if (matched) continue;
    std::vector<std::string> names;
    for (const auto& slice : slices) names.push_back(slice.name);
    fail(owner, "the pattern '", pattern, "' matches no parameter (there are ", join(names), ")");
  }
  return adapted;
}

}  // namespace maml
