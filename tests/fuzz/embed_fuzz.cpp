#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "embed/maml_adapt.h"
#include "maml/export/embed.h"
#include "maml/export/embed_format.h"
#include "maml/train/adapt.h"
#include "maml/train/inner_loop.h"

namespace {

using Bytes = std::vector<std::byte>;

/// A file that is let through, in use: 4 support rows at most, predictions 2 by 2.
class Context {
public:
  explicit Context(const Bytes& file) {
    must(maml_adapt_describe(file.data(), file.size(), &model_));
    std::size_t size = 0;
    must(maml_adapt_arena_bytes(file.data(), file.size(), 4, 2, &size));
    is_small_ = model_.inputs <= 4096 && model_.outputs <= 4096 && size <= std::size_t{64} << 20;
    if (!is_small_) return;
    arena_.resize(size);
    must(maml_adapt_create(file.data(), file.size(), 4, 2, arena_.data(), size, &context_));
  }
  static void must(int status) {
    if (status != MAML_ADAPT_OK) std::abort();
  }

  /// Large ones take this build seconds and tell nothing.
  bool is_small() const { return is_small_; }
  /// Adapts, where the file is not adapted yet. False where it diverges, or has no two classes.
  bool is_adapted() {
    if (model_.is_adapted != 0) return true;
    const std::vector<float> x(std::size_t{4} * model_.inputs, 0.5f);
    std::vector<float> y(std::size_t{4} * model_.targets, 0);
    for (std::size_t row = 0; model_.is_classifier != 0 && row < 4; ++row) y[row] = static_cast<float>(row % 2);
    return maml_adapt_run(context_, x.data(), y.data(), 4, 2) == MAML_ADAPT_OK;
  }
  /// Of rows in two turns, or in one where they are one batch.
  std::vector<float> outputs() {
    const std::size_t rows = model_.is_one_batch != 0 ? 2 : 3;
    const std::vector<float> x(rows * model_.inputs, 0.25f);
    std::vector<float> result(rows * model_.outputs);
    must(maml_adapt_predict(context_, x.data(), rows, result.data()));
    return result;
  }
  Bytes saved() {
    std::size_t size = 0;
    must(maml_adapt_saved_bytes(context_, &size));
    Bytes result(size);
    must(maml_adapt_save(context_, result.data(), size));
    return result;
  }

private:
  maml_adapt_model model_;
  bool is_small_ = false;
  Bytes arena_;
  maml_adapt* context_ = nullptr;
};

/// Refused, or it adapts, predicts and is saved; and what is saved is let through, and predicts and is saved as that.
void use(const Bytes& file) {
  maml_adapt_model model;
  if (maml_adapt_describe(file.data(), file.size(), &model) != MAML_ADAPT_OK) return;
  Context context(file);
  if (!context.is_small() || !context.is_adapted()) return;
  const Bytes saved = context.saved();
  Context again(saved);
  if (!again.is_small() || !again.is_adapted()) std::abort();
  const auto outputs = context.outputs(), as_saved = again.outputs();
  if (outputs.size() != as_saved.size() ||
      std::memcmp(outputs.data(), as_saved.data(), outputs.size() * sizeof(float)) != 0)
    std::abort();
  if (again.saved() != saved) std::abort();
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

/// Of a model, and of the same adapted to two rows.
void add_files(const maml::ModelOptions& text, std::vector<Bytes>& list) {
  maml::LoadedModel loaded;
  loaded.options.model = text;
  loaded.options.inner.steps = 2;
  loaded.model = std::make_unique<maml::Model>(text);
  loaded.weights = {loaded.model->initial<float>(0),
                    maml::InnerLoop<float>(*loaded.model, loaded.options.inner).initial_rates(),
                    loaded.model->initial_state<float>()};
  list.push_back(maml::format_embed(loaded));
  maml::SupportSet support;
  support.x.assign(2 * loaded.model->input().size(), 0.5f);
  support.y = text.loss == "mse" ? std::vector<float>(2 * loaded.model->output().size()) : std::vector<float>{0, 1};
  list.push_back(maml::format_embed(loaded, maml::adapt(loaded, support, {})));
}

std::vector<Bytes> all_files() {
  std::vector<Bytes> list;
  add_files({{3}, {"linear 4", "batch_norm", "relu", "linear 2"}, "mse", "mean"}, list);
  add_files({{7, 6, 2},
             {"conv2d 3 kernel=3 stride=2", "batch_norm", "relu", "conv2d 9 kernel=2", "batch_norm per_step=2", "relu",
              "max_pool 2", "conv2d 4", "avg_pool 1", "flatten", "linear 2"},
             "cross_entropy",
             "sum/shots"},
            list);
  return list;
}

const std::vector<Bytes>& files() {
  static const std::vector<Bytes> list = all_files();
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
