#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "embed/maml_adapt.h"
#include "maml/export/embed.h"
#include "maml/export/embed_format.h"
#include "maml/train/inner_loop.h"

namespace {

using Bytes = std::vector<std::byte>;

/// Refused, or it adapts, predicts and is saved, and what is saved is read.
void use(const Bytes& file) {
  maml_adapt_model model;
  std::size_t size = 0;
  const bool is_open = maml_adapt_describe(file.data(), file.size(), &model) == MAML_ADAPT_OK;
  if (!is_open) return;
  if (model.inputs > 4096 || model.outputs > 4096) return;
  if (maml_adapt_arena_bytes(file.data(), file.size(), 4, 2, &size) != MAML_ADAPT_OK) std::abort();
  if (size > std::size_t{64} << 20) return;
  Bytes arena(size);
  maml_adapt* context = nullptr;
  if (maml_adapt_create(file.data(), file.size(), 4, 2, arena.data(), size, &context) != MAML_ADAPT_OK) std::abort();
  const std::vector<float> x(std::size_t{4} * model.inputs, 0.5f);
  std::vector<float> y(std::size_t{4} * model.targets, 0), outputs(std::size_t{3} * model.outputs);
  for (std::size_t row = 0; model.is_classifier != 0 && row < 4; ++row) y[row] = static_cast<float>(row % 2);
  if (maml_adapt_run(context, x.data(), y.data(), 4, 2) != MAML_ADAPT_OK && model.is_adapted == 0) return;
  (void)maml_adapt_predict(context, x.data(), 3, outputs.data());
  if (maml_adapt_saved_bytes(context, &size) != MAML_ADAPT_OK) std::abort();
  Bytes saved(size);
  if (maml_adapt_save(context, saved.data(), size) != MAML_ADAPT_OK) std::abort();
  if (maml_adapt_describe(saved.data(), size, &model) != MAML_ADAPT_OK) std::abort();
}

/// Brings sizes and checksum in order, so that more than these is met.
void seal(Bytes& file) {
  maml::embed::FileHeader header;
  if (file.size() < sizeof(header)) return;
  std::memcpy(&header, file.data(), sizeof(header));
  std::memcpy(header.magic, maml::embed::magic, sizeof(header.magic));
  header.version = maml::embed::version;
  header.header_bytes = sizeof(header);
  header.file_bytes = file.size();
  std::memcpy(file.data(), &header, sizeof(header));
  header.checksum =
      maml::embed::xxh64(file.data() + maml::embed::checksummed_from, file.size() - maml::embed::checksummed_from);
  std::memcpy(file.data(), &header, sizeof(header));
}

Bytes file_of(const maml::ModelOptions& text) {
  maml::LoadedModel loaded;
  loaded.options.model = text;
  loaded.options.inner.steps = 2;
  loaded.model = std::make_unique<maml::Model>(text);
  loaded.weights = {loaded.model->initial<float>(0),
                    maml::InnerLoop<float>(*loaded.model, loaded.options.inner).initial_rates(),
                    loaded.model->initial_state<float>()};
  return maml::format_embed(loaded);
}

const std::vector<Bytes>& files() {
  static const std::vector<Bytes> list = {
      file_of({{3}, {"linear 4", "batch_norm", "relu", "linear 2"}, "mse", "mean"}),
      file_of({{7, 6, 2},
               {"conv2d 3 kernel=3 stride=2", "batch_norm", "relu", "conv2d 9 kernel=2", "batch_norm per_step=2",
                "relu", "max_pool 2", "conv2d 4", "avg_pool 1", "flatten", "linear 2"},
               "cross_entropy",
               "sum/shots"})};
  return list;
}

}  // namespace

/// The input is a file, as it is and sealed; and so many changes of four bytes to one of ours, sealed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  Bytes file(bytes, bytes + size);
  use(file);
  seal(file);
  use(file);
  if (size == 0) return 0;
  file = files()[data[0] % files().size()];
  for (std::size_t at = 1; at + 6 <= size; at += 6) {
    const std::size_t where = (data[at] | std::size_t{data[at + 1]} << 8) * 4 % file.size();
    if (where + 4 <= file.size()) std::memcpy(file.data() + where, data + at + 2, 4);
  }
  seal(file);
  use(file);
  return 0;
}
