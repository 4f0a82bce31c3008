#include "maml/train/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/io/csv_log.h"
#include "maml/io/safetensors.h"
#include "maml/train/inner_loop.h"
#include "maml/train/rate_border.h"

namespace maml {

namespace {

const char* const format_name = "maml checkpoint 1";

bool begins_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

/// Flat vectors of one model as tensors of a file, and back.
class Border {
public:
  Border(const Model& model, const Options& options)
      : model_(model), loop_(model_, options.inner), layout_(loop_.layout()) {}

  bool learns_rates() const { return loop_.learns_rates(); }
  const std::vector<float>& initial_rates() const { return loop_.initial_rates(); }

  void put_parameters(TensorFile& file, const std::string& prefix, const std::vector<float>& flat) const {
    for (const auto& tensor : model_.to_border(flat.data())) put(file, prefix + tensor.name, tensor);
  }

  std::vector<float> take_parameters(const TensorFile& file, const std::string& prefix) const {
    std::vector<BorderTensor> tensors;
    for (const auto& tensor : file.tensors) {
      const bool is_other =
          prefix.empty() && (begins_with(tensor.name, "outer.") || begins_with(tensor.name, "state.") ||
                             begins_with(tensor.name, "alpha") || begins_with(tensor.name, "support."));
      if (begins_with(tensor.name, prefix) && !is_other && !begins_with(tensor.name, prefix + "alpha"))
        tensors.push_back({tensor.name.substr(prefix.size()), tensor.shape, tensor.as<double>()});
    }
    return model_.from_border<float>(tensors);
  }

  // Rates of frozen parameters are left out: nothing changes them.

  void put_rates(TensorFile& file, const std::string& prefix, const std::vector<float>& rates) const {
    if (layout_.sharing() == RateSharing::element) {
      const auto tensors = element_rates_to_border(model_, layout_, rates.data());
      for (std::size_t i = 0; i < tensors.size(); ++i)
        if (layout_.mask()[i]) put(file, prefix + "alpha." + tensors[i].name, tensors[i]);
      return;
    }
    for (const auto& [name, first] : shared_rates()) {
      std::vector<float> values;
      for (int set = 0; set < layout_.steps(); ++set) values.push_back(rates[layout_.range(set, first).first]);
      file.tensors.push_back(Tensor::of(prefix + name, shared_shape(), values.data()));
    }
  }

  /// otherwise: what rates that are not in the file are.
  std::vector<float> take_rates(const TensorFile& file, const std::string& prefix, std::vector<float> otherwise) const {
    std::vector<float> rates = std::move(otherwise);
    if (layout_.sharing() == RateSharing::element) {
      auto tensors = element_rates_to_border(model_, layout_, rates.data());
      for (std::size_t i = 0; i < tensors.size(); ++i)
        if (layout_.mask()[i]) tensors[i].values = values(file, prefix + "alpha." + tensors[i].name, tensors[i].shape);
      return element_rates_from_border<float>(model_, layout_, tensors);
    }
    for (const auto& [name, first] : shared_rates()) {
      const auto read = values(file, prefix + name, shared_shape());
      for (int set = 0; set < layout_.steps(); ++set)
        rates[layout_.range(set, first).first] = static_cast<float>(read[static_cast<std::size_t>(set)]);
    }
    return rates;
  }

  void put_state(TensorFile& file, const std::vector<float>& state) const {
    for (const auto& slice : model_.state_slices())
      file.tensors.push_back(Tensor::of("state." + slice.name, {slice.size}, state.data() + slice.offset));
  }

  std::vector<float> take_state(const TensorFile& file) const {
    auto state = model_.initial_state<float>();
    for (const auto& slice : model_.state_slices()) {
      const auto read = values(file, "state." + slice.name, {slice.size});
      std::transform(read.begin(), read.end(), state.begin() + static_cast<std::ptrdiff_t>(slice.offset),
                     [](double value) { return static_cast<float>(value); });
    }
    return state;
  }

private:
  static void put(TensorFile& file, const std::string& name, const BorderTensor& tensor) {
    const std::vector<float> values(tensor.values.begin(), tensor.values.end());
    file.tensors.push_back(Tensor::of(name, tensor.shape, values.data()));
  }

  static std::vector<double> values(const TensorFile& file, const std::string& name,
                                    const std::vector<std::size_t>& shape) {
    const Tensor& tensor = file.at(name);
    require(tensor.shape == shape, name, "has shape ", shape_text(tensor.shape), ", but the run needs ",
            shape_text(shape));
    return tensor.as<double>();
  }

  /// Name of each tensor of rates that are shared, and a slice that uses it.
  std::vector<std::pair<std::string, std::size_t>> shared_rates() const {
    if (layout_.sharing() == RateSharing::number) return {{"alpha", 0}};
    std::vector<std::pair<std::string, std::size_t>> names;
    for (std::size_t i = 0; i < layout_.slices().size(); ++i)
      if (layout_.mask()[i]) names.emplace_back("alpha." + layout_.slices()[i].name, i);
    return names;
  }
  std::vector<std::size_t> shared_shape() const {
    if (layout_.steps() == 1) return {};
    return {static_cast<std::size_t>(layout_.steps())};
  }

  const Model& model_;
  const InnerLoop<float> loop_;
  const RateLayout& layout_;
};

template <class Number> Number number(const TensorFile& file, const std::string& key) {
  const std::string& text = file.meta(key);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(error == std::errc() && end == text.data() + text.size(), file.path, "is damaged: ", key, " is '", text, "'");
  return value;
}

bool has_any(const TensorFile& file, const std::string& prefix) {
  return std::any_of(file.tensors.begin(), file.tensors.end(),
                     [&](const Tensor& tensor) { return begins_with(tensor.name, prefix); });
}

std::string moment_prefix(std::size_t i) {
  return i == 0 ? "outer.m." : "outer.v.";
}

}  // namespace

TensorFile to_tensors(const Model& model, const Options& options, const Weights& weights) {
  const Border border(model, options);
  TensorFile file;
  border.put_parameters(file, "", weights.parameters);
  border.put_state(file, weights.state);
  if (border.learns_rates()) border.put_rates(file, "", weights.rates);
  return file;
}

void write_checkpoint(const std::string& path, const Model& model, const Options& options, const Checkpoint& checkpoint,
                      const std::string& label) {
  const Border border(model, options);
  TensorFile file = to_tensors(model, options, checkpoint.weights);
  file.metadata = {{"format", format_name},
                   {"iteration", std::to_string(checkpoint.iteration)},
                   {"isa", checkpoint.isa},
                   {"digest", checkpoint.digest}};
  if (const auto licence = licence_of(options.data); !licence.empty()) file.metadata["licence"] = licence;
  if (checkpoint.best) {
    file.metadata["best.iteration"] = std::to_string(checkpoint.best->iteration);
    file.metadata["best.value"] = shortest_text(checkpoint.best->value);
  }
  if (const auto& outer = checkpoint.parameters_state) {
    file.metadata["outer.steps"] = std::to_string(outer->steps);
    file.metadata["outer.moments"] = std::to_string(outer->moments.size());
    for (std::size_t i = 0; i < outer->moments.size(); ++i)
      border.put_parameters(file, moment_prefix(i), outer->moments[i]);
    if (border.learns_rates())
      for (std::size_t i = 0; i < outer->moments.size(); ++i)
        border.put_rates(file, moment_prefix(i), checkpoint.rates_state.value().moments[i]);
    const MetricSums& sums = checkpoint.sums;
    file.metadata["sums.loss"] = shortest_text(sums.loss);
    file.metadata["sums.before"] = shortest_text(sums.before);
    file.metadata["sums.after"] = shortest_text(sums.after);
    file.metadata["sums.count"] = std::to_string(sums.count);
  }
  write_checked(path, file, label);
}

Checkpoint read_checkpoint(const std::string& path, const Model& model, const Options& options, bool same_run) {
  const TensorFile file = read_checked(path);
  const auto format = file.metadata.find("format");
  require(format != file.metadata.end() && begins_with(format->second, "maml checkpoint"), path,
          "is no checkpoint (put back the one that the training wrote)");
  require(format->second == format_name, path, "is a '", format->second, "', but this version reads '", format_name,
          "' (use the version that wrote it)");
  Checkpoint checkpoint;
  checkpoint.digest = file.meta("digest");
  require(
      !same_run || checkpoint.digest == digest(options), path,
      "is of a run with other options: model, inner, outer, data or seed differ (restore its config.toml, or begin a "
      "new run with train.init)");
  checkpoint.iteration = number<std::int64_t>(file, "iteration");
  checkpoint.isa = file.meta("isa");
  if (file.metadata.count("best.iteration"))
    checkpoint.best = Best{number<std::int64_t>(file, "best.iteration"), number<double>(file, "best.value")};

  const Border border(model, options);
  try {
    checkpoint.weights.parameters = border.take_parameters(file, "");
    checkpoint.weights.state = border.take_state(file);
    checkpoint.weights.rates = border.learns_rates() && (same_run || has_any(file, "alpha"))
                                   ? border.take_rates(file, "", border.initial_rates())
                                   : border.initial_rates();
    if (same_run && file.metadata.count("outer.steps")) {
      OptimiserState outer{number<std::int64_t>(file, "outer.steps"), {}};
      OptimiserState rates{outer.steps, {}};
      for (std::size_t i = 0; i < number<std::size_t>(file, "outer.moments"); ++i) {
        outer.moments.push_back(border.take_parameters(file, moment_prefix(i)));
        if (border.learns_rates())
          rates.moments.push_back(
              border.take_rates(file, moment_prefix(i), std::vector<float>(border.initial_rates().size())));
      }
      checkpoint.parameters_state = std::move(outer);
      if (border.learns_rates()) checkpoint.rates_state = std::move(rates);
      checkpoint.sums = {number<double>(file, "sums.loss"), number<double>(file, "sums.before"),
                         number<double>(file, "sums.after"), number<std::int64_t>(file, "sums.count")};
    }
  } catch (const Error& error) {
    fail(path, "does not fit the model: ", error.what());
  }
  return checkpoint;
}

Weights read_weights(const std::string& path, const Model& model, const Options& options,
                     const std::vector<std::string>& take) {
  const auto bytes = read_file(path);
  TensorFile file = parse_safetensors(bytes, path);
  if (file.metadata.count("xxh3")) file = parse_checked(bytes, path);
  return to_weights(file, model, options, take);
}

Weights to_weights(const TensorFile& file, const Model& model, const Options& options,
                   const std::vector<std::string>& take) {
  const Border border(model, options);
  Weights weights{{}, border.initial_rates(), model.initial_state<float>()};
  const auto taken = matching_slices("train.init_take", model.slices(), take);
  const bool takes_all = std::find(taken.begin(), taken.end(), 0) == taken.end();
  try {
    if (takes_all) {
      weights.parameters = border.take_parameters(file, "");
      if (border.learns_rates() && has_any(file, "alpha"))
        weights.rates = border.take_rates(file, "", std::move(weights.rates));
      if (has_any(file, "state.")) weights.state = border.take_state(file);
      return weights;
    }
    auto tensors = model.to_border(model.initial<float>(options.train.seed).data());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (!taken[i]) continue;
      const Tensor& tensor = file.at(tensors[i].name);
      tensors[i] = {tensor.name, tensor.shape, tensor.as<double>()};
    }
    weights.parameters = model.from_border<float>(tensors);
    return weights;
  } catch (const Error& error) {
    fail(file.path, "does not fit the model: ", error.what());
  }
}

}  // namespace maml
