#include "maml/export/embed.h"

#include <bit>
#include <cstring>

#include "maml/base/error.h"
#include "maml/export/embed_format.h"
#include "maml/io/atomic_file.h"
#include "maml/nn/backbones.h"
#include "maml/nn/conv_text.h"
#include "maml/nn/norm_epsilon.h"
#include "maml/nn/pool_windows.h"
#include "maml/train/inner_loop.h"

namespace maml {

namespace {

using Bytes = std::vector<std::byte>;
using embed::FileHeader;
using embed::FileParts;
using embed::Kind;
using embed::LayerRecord;

std::uint32_t u32(std::size_t n) {
  return static_cast<std::uint32_t>(n);
}

void set_input(LayerRecord& record, const Shape& input) {
  const bool is_image = input.is_image();
  record.height = is_image ? u32(input.extents[0]) : 1;
  record.width = is_image ? u32(input.extents[1]) : 1;
  record.channels = u32(is_image ? input.channels() : input.size());
}

void set_windows(LayerRecord& record, Kind kind, const PoolWindows& windows) {
  record.kind = kind;
  record.rows = u32(windows.rows);
  record.columns = u32(windows.columns);
  record.stride = u32(windows.stride);
}

/// A layer by itself. name: of the layer, for errors.
LayerRecord record_of(const std::string& name, const LayerText& text, const LayerInfo& info) {
  LayerRecord record = {};
  set_input(record, info.input);
  if (text.kind() == "linear") {
    record.kind = Kind::linear;
    record.outputs = u32(info.output.size());
    record.has_bias = info.parameters.size() == 2;
  } else if (text.kind() == "conv2d") {
    record.kind = Kind::conv2d;
    record.outputs = u32(info.output.channels());
    record.has_bias = info.parameters.size() == 2;
    const ConvText conv(text);
    record.kernel = u32(conv.kernel);
    record.stride = u32(conv.stride);
    record.is_same = conv.is_same;
    require(record.kernel <= embed::most_kernel, name, "has a kernel of ", record.kernel, ", but maml_adapt's end at ",
            embed::most_kernel);
    require(record.stride <= embed::most_extent, name, "has a stride of ", record.stride, ", but maml_adapt's end at ",
            embed::most_extent);
  } else if (text.kind() == "batch_norm") {
    record.kind = Kind::batch_norm;
    record.has_weight = info.parameters.size() == 2;
    record.has_state = !info.state.empty();
    record.sets = u32(text.size("per_step", 1));
    record.chunk_rows = u32(info.chunk_rows);
    record.epsilon = norm_epsilon(text);
    record.slope = 1;
    record.window = 1;
  } else if (info.slope) {
    record.kind = Kind::rectifier;
    record.slope = *info.slope;
  } else if (text.kind() == "max_pool") {
    set_windows(record, Kind::max_pool, PoolWindows::make(text, info.input));
  } else if (text.kind() == "avg_pool") {
    set_windows(record, Kind::average_pool, PoolWindows::make(text, info.input));
  } else if (text.kind() == "global_mean") {
    set_windows(record, Kind::average_pool, PoolWindows::whole(info.input));
  } else {
    fail(name, "is a layer that maml_adapt does not have (it has linear, conv2d, batch_norm, relu, leaky_relu, "
               "max_pool, avg_pool, global_mean and flatten)");
  }
  require(record.height <= embed::most_extent && record.width <= embed::most_extent, name, "reads images of ",
          to_string(info.input), ", but maml_adapt's end at ", embed::most_extent, " pixels a side");
  return record;
}

/// The layers as network.cpp runs them: views left out, a batch norm with what it takes in as one.
struct Records {
  std::vector<LayerRecord> list;
  std::size_t frozen = 0;  ///< of them, those of layers before `front`
};
Records records_of(const LoadedModel& loaded, std::size_t front) {
  const Model& model = *loaded.model;
  const auto texts = expanded_layers(loaded.options.model.layers);
  Records records;
  std::vector<LayerPtr> joined;
  const Layer* last = nullptr;  // what the next layer may go into
  for (std::size_t i = 0; i < model.layer_count(); ++i) {
    const LayerText text(texts[i]);
    const LayerInfo& info = model.layer(i).info();
    if (text.kind() == "flatten") {
      last = nullptr;
      continue;
    }
    const LayerRecord record = record_of(model.layer_name(i), text, info);
    LayerPtr both = last && info.parameters.empty() ? last->joined(model.layer(i)) : nullptr;
    if (both) {
      if (info.slope) records.list.back().slope = *info.slope;
      if (!info.slope) records.list.back().window = u32(info.window);
      last = both.get();
      joined.push_back(std::move(both));
      continue;
    }
    records.list.push_back(record);
    records.frozen += i < front;
    last = &model.layer(i);
  }
  return records;
}

embed::Statistics statistics_in_file(std::optional<Statistics> statistics) {
  if (!statistics) return embed::Statistics::none;
  switch (*statistics) {
  case Statistics::transductive:
    return embed::Statistics::transductive;
  case Statistics::support:
    return embed::Statistics::support;
  case Statistics::running:
    return embed::Statistics::running;
  }
  return embed::Statistics::none;
}

/// One rate a slice, or one a parameter, of each step that has rates of its own; 0 where nothing is adapted.
std::vector<float> expanded_rates(const RateLayout& layout, const std::vector<float>& rates) {
  std::vector<float> all;
  for (int set = 0; set < layout.steps(); ++set) {
    if (layout.sharing() == RateSharing::element) {
      all.resize(all.size() + layout.parameters());
      layout.expand(set, rates.data(), all.data() + (all.size() - layout.parameters()));
      continue;
    }
    for (std::size_t i = 0; i < layout.slices().size(); ++i)
      all.push_back(layout.mask()[i] ? rates[layout.range(set, i).first] : 0);
  }
  return all;
}

template <class T> void put(Bytes& bytes, std::uint64_t at, const std::vector<T>& values) {
  if (!values.empty()) std::memcpy(bytes.data() + at, values.data(), values.size() * sizeof(T));
}

/// What both kinds of file have in common; rates, support set and what goes with them are the caller's.
struct File {
  FileHeader header = {};
  std::vector<LayerRecord> layers;
  std::vector<std::uint32_t> slices;
  std::vector<float> parameters, state, rates, support;
  std::string text;

  Bytes finish() && {
    static_assert(std::endian::native == std::endian::little);
    FileHeader& h = header;
    h.layers = u32(layers.size());
    h.slices = u32(slices.size());
    h.parameters = u32(parameters.size());
    h.state = u32(state.size());
    h.text_bytes = text.empty() ? 0 : u32(text.size() + 1);
    const FileParts parts(h);
    h.file_bytes = parts.end;
    Bytes bytes(parts.end);
    put(bytes, parts.layers, layers);
    put(bytes, parts.slices, slices);
    put(bytes, parts.parameters, parameters);
    put(bytes, parts.state, state);
    put(bytes, parts.rates, rates);
    put(bytes, parts.support, support);
    if (!text.empty()) std::memcpy(bytes.data() + parts.text, text.c_str(), text.size() + 1);
    std::memcpy(bytes.data(), &h, sizeof(h));
    h.checksum = embed::xxh64(bytes.data() + embed::checksummed_from, bytes.size() - embed::checksummed_from);
    std::memcpy(bytes.data(), &h, sizeof(h));
    return bytes;
  }
};

void require_fits(std::size_t n, std::size_t most, const char* what) {
  require(n <= most, "export", "has ", n, " ", what, ", but maml_adapt's models end at ", most);
}

File file_of(const LoadedModel& loaded, std::optional<Statistics> statistics, const InnerLoop<float>& loop) {
  const Model& model = *loaded.model;
  const InnerOptions& inner = loaded.options.inner;
  require(model.loss().name() != "policy_gradient", "policy_gradient",
          "has no examples to adapt to, which maml_adapt wants (only mse and cross_entropy can be written)");
  require(model.layer_count() > 0, "export", "is of a model without layers, which maml_adapt cannot run");
  require(inner.rule != "momentum", "inner.rule",
          "is momentum, which maml_adapt does not have (only sgd can be written)");
  require_fits(model.slices().size(), embed::most_slices, "parameter slices");
  require_fits(model.parameters(), embed::most_elements, "parameters");
  require_fits(model.state_size(), embed::most_elements, "running statistics");
  require_fits(static_cast<std::size_t>(inner.steps), embed::most_steps, "inner steps");
  Records records = records_of(loaded, loop.front_layers());
  File file;
  LayerRecord input = {};
  set_input(input, model.input());
  require_fits(std::max(input.height, input.width), embed::most_extent, "pixels in a row or column");
  FileHeader& h = file.header;
  std::memcpy(h.magic, embed::magic, sizeof(h.magic));
  h.version = embed::version;
  h.header_bytes = sizeof(FileHeader);
  h.height = input.height;
  h.width = input.width;
  h.channels = input.channels;
  h.outputs = u32(model.output().size());
  h.loss = model.loss().name() == "mse" ? embed::Loss::mse : embed::Loss::cross_entropy;
  h.normalisation = model.loss().normalisation() == Normalisation::mean ? embed::Normalisation::mean
                                                                        : embed::Normalisation::sum_over_shots;
  h.statistics = statistics_in_file(statistics);
  h.frozen = u32(records.frozen);
  file.layers = std::move(records.list);
  for (const auto& slice : model.slices()) file.slices.push_back(u32(slice.size));
  file.text = licence_of(loaded.options.data);
  return file;
}

InnerLoop<float> loop_of(const LoadedModel& loaded, std::optional<Statistics> statistics) {
  return {
      *loaded.model, loaded.options.inner, {.evaluating = true, .statistics = statistics}, loaded.weights.state.data()};
}

}  // namespace

std::vector<std::byte> format_embed(const LoadedModel& loaded) {
  const auto statistics = adapting_statistics(*loaded.model);
  const InnerLoop<float> loop = loop_of(loaded, statistics);
  File file = file_of(loaded, statistics, loop);
  const RateLayout& layout = loop.layout();
  file.header.rate_sets = u32(static_cast<std::size_t>(layout.steps()));
  file.header.sharing = layout.sharing() == RateSharing::element ? embed::Sharing::element : embed::Sharing::slice;
  file.header.steps = u32(static_cast<std::size_t>(loaded.options.inner.steps));
  file.parameters = loaded.weights.parameters;
  file.state = loaded.weights.state;
  file.rates = expanded_rates(layout, loaded.weights.rates);
  return std::move(file).finish();
}

std::vector<std::byte> format_embed(const LoadedModel& loaded, const AdaptedModel& adapted) {
  File file = file_of(loaded, adapted.statistics(), loop_of(loaded, adapted.statistics()));
  file.header.is_adapted = 1;
  require_fits(static_cast<std::size_t>(adapted.steps()), embed::most_steps, "inner steps");
  file.header.steps = u32(static_cast<std::size_t>(adapted.steps()));
  file.header.classes = u32(adapted.classes());
  file.parameters = adapted.parameters();
  file.state = loaded.weights.state;
  if (adapted.needs_support()) {
    const std::size_t rows = adapted.support().x.size() / loaded.model->input().size();
    require_fits(rows, embed::most_rows, "support rows");
    file.support = adapted.support().x;
    file.header.support_rows = u32(rows);
  }
  return std::move(file).finish();
}

void write_embed(const std::string& path, const LoadedModel& loaded) {
  write_atomically(path, format_embed(loaded));
}
void write_embed(const std::string& path, const LoadedModel& loaded, const AdaptedModel& adapted) {
  write_atomically(path, format_embed(loaded, adapted));
}

}  // namespace maml
