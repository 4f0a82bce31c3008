#include "embed/model_file.h"

#include <cstring>

#include "embed/maml_adapt.h"
#include "maml/nn/conv_places.h"

namespace maml::embed {

static_assert(sizeof(std::size_t) == 8, "sizes of passes are counted in 64 bits");

namespace {

using u64 = std::uint64_t;

bool between(u64 least, u64 x, u64 most) {
  return least <= x && x <= most;
}
bool is_flag(std::uint32_t x) {
  return x <= 1;
}
/// A number that is neither infinite nor none, in a range that no rounding leaves.
bool is_plain(double x) {
  return x > -1e6 && x < 1e6;
}

/// Elements of a row of images, or 0 where they are too many.
u64 row_size(u64 height, u64 width, u64 channels) {
  if (!between(1, height, most_extent) || !between(1, width, most_extent)) return 0;
  if (!between(1, channels, most_elements / (height * width))) return 0;
  return height * width * channels;
}

bool header_is_possible(const FileHeader& h) {
  const u64 inputs = row_size(h.height, h.width, h.channels);
  if (inputs == 0 || !between(1, h.outputs, most_elements)) return false;
  if (h.loss != Loss::mse && h.loss != Loss::cross_entropy) return false;
  if (h.normalisation != Normalisation::mean && h.normalisation != Normalisation::sum_over_shots) return false;
  if (h.statistics > Statistics::running || h.sharing > Sharing::element) return false;
  if (!between(1, h.layers, most_layers) || h.frozen >= h.layers || !between(1, h.slices, most_slices)) return false;
  if (!between(1, h.parameters, most_elements) || h.state > most_elements) return false;
  if (h.rate_sets > most_steps || h.steps > most_steps || h.support_rows > most_rows) return false;
  if (!is_flag(h.is_adapted) || h.text_bytes > most_elements) return false;
  if (h.is_adapted != 0) {
    const bool keeps = h.statistics == Statistics::support;
    if (h.rate_sets != 0 || (h.support_rows > 0) != keeps) return false;
    if (h.loss == Loss::mse) return h.classes == 0;
    return between(2, h.classes, h.outputs);
  }
  return h.rate_sets > 0 && h.support_rows == 0 && h.classes == 0;
}

bool text_is_closed(const char* text, std::size_t bytes) {
  return bytes == 0 || text[bytes - 1] == '\0';
}

bool convolution_is_possible(const LayerRecord& r, ModelFile::Sizes& sizes) {
  if (!between(1, r.kernel, most_kernel) || !between(1, r.stride, most_extent)) return false;
  if (!is_flag(r.is_same) || !is_flag(r.has_bias) || !between(1, r.outputs, most_elements)) return false;
  if (r.is_same == 0 && (r.kernel > r.height || r.kernel > r.width)) return false;
  const auto rows = ConvAxis::make(r.height, r.kernel, r.stride, r.is_same != 0);
  const auto columns = ConvAxis::make(r.width, r.kernel, r.stride, r.is_same != 0);
  sizes.outputs = row_size(rows.out, columns.out, r.outputs);
  const u64 of_one = u64{r.kernel} * r.kernel * r.channels;
  if (sizes.outputs == 0 || of_one > most_elements / r.outputs) return false;
  sizes.first_slice = of_one * r.outputs;
  sizes.parameters = sizes.first_slice + (r.has_bias != 0 ? r.outputs : 0);
  return true;
}

bool norm_is_possible(const LayerRecord& r, ModelFile::Sizes& sizes) {
  if (!is_flag(r.has_weight) || !is_flag(r.has_state) || !between(1, r.sets, most_elements / r.channels)) return false;
  if (!(r.epsilon > 0) || !is_plain(r.epsilon) || !is_plain(r.slope) || r.chunk_rows == 0) return false;
  const u64 of_one = u64{r.sets} * r.channels;
  sizes.first_slice = of_one;
  sizes.parameters = r.has_weight != 0 ? 2 * of_one : of_one;
  sizes.state = r.has_state != 0 ? 2 * of_one : 0;
  sizes.outputs = sizes.inputs;
  if (r.window == 1) return true;
  if (r.window != 2 || r.height < 2 || r.width < 2) return false;
  sizes.outputs = u64{r.height / 2} * (r.width / 2) * r.channels;
  return true;
}

bool pooling_is_possible(const LayerRecord& r, ModelFile::Sizes& sizes) {
  if (!between(1, r.rows, r.height) || !between(1, r.columns, r.width) || !between(1, r.stride, most_extent))
    return false;
  sizes.outputs = u64{(r.height - r.rows) / r.stride + 1} * ((r.width - r.columns) / r.stride + 1) * r.channels;
  return true;
}

/// Whether layers follow each other, and have the parameters and statistics of the file.
bool layers_fit(const ModelFile& file) {
  const FileHeader& h = *file.header;
  u64 at = u64{h.height} * h.width * h.channels, parameters = 0, state = 0, front = 0;
  bool has_norm = false;
  for (std::uint32_t i = 0; i < h.layers; ++i) {
    const LayerRecord& record = file.layers[i];
    ModelFile::Sizes sizes = {};
    if (!sizes_of(record, sizes) || sizes.inputs != at) return false;
    if (record.kind == Kind::batch_norm) {
      has_norm = true;
      if (h.statistics == Statistics::running && record.has_state == 0) return false;
    }
    if (i == h.frozen) front = parameters;
    at = sizes.outputs;
    parameters += sizes.parameters;
    state += sizes.state;
  }
  if (at != h.outputs || parameters != h.parameters || state != h.state) return false;
  if (has_norm != (h.statistics != Statistics::none)) return false;
  // Slices, of which one begins where the frozen layers end.
  u64 sum = 0;
  bool meets_front = front == parameters;
  for (std::uint32_t i = 0; i < h.slices; ++i) {
    meets_front = meets_front || sum == front;
    sum += file.slices[i];
  }
  return meets_front && sum == parameters;
}

}  // namespace

bool sizes_of(const LayerRecord& r, ModelFile::Sizes& sizes) {
  sizes = {};
  sizes.inputs = row_size(r.height, r.width, r.channels);
  if (sizes.inputs == 0) return false;
  switch (r.kind) {
  case Kind::linear:
    if (!is_flag(r.has_bias) || !between(1, r.outputs, most_elements / sizes.inputs)) return false;
    sizes.outputs = r.outputs;
    sizes.first_slice = sizes.inputs * r.outputs;
    sizes.parameters = sizes.first_slice + (r.has_bias != 0 ? r.outputs : 0);
    return true;
  case Kind::conv2d:
    return convolution_is_possible(r, sizes);
  case Kind::batch_norm:
    return norm_is_possible(r, sizes);
  case Kind::rectifier:
    sizes.outputs = sizes.inputs;
    return is_plain(r.slope);
  case Kind::max_pool:
  case Kind::average_pool:
    return pooling_is_possible(r, sizes);
  }
  return false;
}

int open_file(const void* bytes, std::size_t size, ModelFile& file) {
  if (bytes == nullptr) return MAML_ADAPT_ARGUMENT;
  if (size < sizeof(magic) || std::memcmp(bytes, magic, sizeof(magic)) != 0) return MAML_ADAPT_NOT_A_MODEL;
  if (reinterpret_cast<std::uintptr_t>(bytes) % 8 != 0) return MAML_ADAPT_ALIGNMENT;
  if (size < sizeof(FileHeader)) return MAML_ADAPT_DAMAGED;
  const auto* const start = static_cast<const char*>(bytes);
  const auto& h = *static_cast<const FileHeader*>(bytes);
  if (h.version != version || h.header_bytes != sizeof(FileHeader)) return MAML_ADAPT_VERSION;
  if (h.file_bytes != size) return MAML_ADAPT_DAMAGED;
  if (h.checksum != xxh64(start + checksummed_from, size - checksummed_from)) return MAML_ADAPT_DAMAGED;
  if (!header_is_possible(h)) return MAML_ADAPT_DAMAGED;
  const FileParts parts(h);
  if (parts.end != size) return MAML_ADAPT_DAMAGED;
  const auto floats = [&](u64 at) { return reinterpret_cast<const float*>(start + at); };
  file.header = &h;
  file.layers = reinterpret_cast<const LayerRecord*>(start + parts.layers);
  file.slices = reinterpret_cast<const std::uint32_t*>(start + parts.slices);
  file.parameters = floats(parts.parameters);
  file.state = floats(parts.state);
  file.rates = floats(parts.rates);
  file.support = floats(parts.support);
  file.text = h.text_bytes > 0 ? start + parts.text : nullptr;
  file.inputs = static_cast<std::size_t>(h.height) * h.width * h.channels;
  file.outputs = h.outputs;
  file.targets = h.loss == Loss::mse ? h.outputs : 1;
  if (!text_is_closed(start + parts.text, h.text_bytes) || !layers_fit(file)) return MAML_ADAPT_DAMAGED;
  return MAML_ADAPT_OK;
}

}  // namespace maml::embed
