#include "embed/maml_adapt.h"

#include <cstring>
#include <new>

#include "embed/engine.h"
#include "embed/model_file.h"
#include "maml/nn/conv_places.h"

using namespace maml;
using namespace maml::embed;

/// Everything in it lies behind it, in the arena.
struct maml_adapt {
  const Engine* engine;
  ModelFile file;
  std::size_t support_rows, query_rows;  ///< the most
  Layer* layers;
  const float* theta;  ///< adapted: the arena's, or the file's
  float* own_theta;
  float* gradient;
  float* weights;               ///< of support rows
  std::uint32_t* class_counts;  ///< support rows of each class
  float* batch;                 ///< support rows, then queries, where predictions read both
  float* tape;
  std::size_t half;  ///< see Call

  bool is_adapted;
  int steps;
  std::uint32_t classes;
  std::size_t rows;  ///< that it was adapted to
};

namespace {

/// Hands out parts of an arena; or only counts where there is none: then parts are null, and nothing is put there.
class Arena {
public:
  explicit Arena(void* memory) : memory_(static_cast<char*>(memory)) {}

  template <class T> T* take(std::size_t count) {
    const std::size_t at = used_;
    used_ += (count * sizeof(T) + 63) / 64 * 64;
    return memory_ != nullptr ? reinterpret_cast<T*>(memory_ + at) : nullptr;
  }
  /// Makes element i of a part that was taken.
  template <class T> void put(T* part, std::size_t i, const T& value) const {
    if (memory_ != nullptr) new (part + i) T(value);
  }
  std::size_t used() const { return used_; }

private:
  char* const memory_;
  std::size_t used_ = 0;
};

constexpr std::size_t slack = 64;  ///< so that an arena may begin anywhere

std::size_t round_up(std::size_t n) {
  return (n + 15) / 16 * 16;
}

bool couples(const FileHeader& h) {
  return h.statistics == Statistics::support;
}

Layer layer_at(const ModelFile& file, std::uint32_t i, const Layer* before) {
  ModelFile::Sizes sizes;
  sizes_of(file.layers[i], sizes);
  Layer layer = {};
  layer.record = &file.layers[i];
  layer.inputs = sizes.inputs;
  layer.outputs = sizes.outputs;
  layer.weight = sizes.first_slice;
  if (before != nullptr) {
    ModelFile::Sizes of_before;
    sizes_of(*before->record, of_before);
    layer.parameters = before->parameters + of_before.parameters;
    layer.state = before->state + of_before.state;
  }
  return layer;
}

/// Where a convolution's taps meet its pictures.
const ConvLists* lay_out_lists(const LayerRecord& r, Arena& arena) {
  ConvLists lists(ConvAxis::make(r.height, r.kernel, r.stride, r.is_same != 0),
                  ConvAxis::make(r.width, r.kernel, r.stride, r.is_same != 0), r.channels, r.outputs);
  auto* const laid_out = arena.take<ConvLists>(1);
  auto* const places = arena.take<std::byte>(lists.bytes());
  if (places != nullptr) lists.lay_out(places);
  arena.put(laid_out, 0, lists);
  return laid_out;
}

/// The most rows of a context: those of a gradient, and those of a prediction with the support rows that it reads.
struct MostRows {
  std::size_t gradient, prediction;
};

/// What the tape has to hold. That of a gradient holds of each layer its outputs, its cache and the gradient by its
/// outputs, as network.cpp's spent one; that of a prediction the outputs of two layers and the largest cache.
struct TapePlan {
  std::size_t gradient = 0, half = 0, cache = 0;
  std::size_t prediction() const { return 2 * half + cache; }
};

/// Gives a layer its places on the tape, behind those of the layers before it. Where the gradient may overwrite the
/// outputs, they share one.
void place_on_tape(const Engine& engine, MostRows most, bool overwrites, Layer& layer, TapePlan& tape) {
  const std::size_t outputs = round_up(most.gradient * layer.outputs);
  layer.y = tape.gradient;
  layer.cache = layer.y + outputs;
  tape.gradient = layer.cache + round_up(engine.cache_size(layer, most.gradient));
  layer.dy = overwrites ? layer.y : tape.gradient;
  if (!overwrites) tape.gradient += outputs;
  const std::size_t all_outputs = round_up(most.prediction * layer.outputs),
                    all_cache = engine.cache_size(layer, most.prediction);
  if (tape.half < all_outputs) tape.half = all_outputs;
  if (tape.cache < all_cache) tape.cache = all_cache;
}

Layer* lay_out_layers(const ModelFile& file, const Engine& engine, MostRows most, Arena& arena, TapePlan& tape) {
  const std::uint32_t count = file.header->layers;
  auto* const layers = arena.take<Layer>(count);
  Layer before = {};
  for (std::uint32_t i = 0; i < count; ++i) {
    Layer layer = layer_at(file, i, i > 0 ? &before : nullptr);
    if (layer.record->kind == Kind::conv2d) layer.lists = lay_out_lists(*layer.record, arena);
    const bool overwrites = i + 1 < count && !reads_outputs(file.layers[i]) && works_in_place(file.layers[i + 1]);
    place_on_tape(engine, most, overwrites, layer, tape);
    arena.put(layers, i, layer);
    before = layer;
  }
  return layers;
}

/// What a context of these rows takes, in `arena`, from whose first byte on it lies there; or only counts.
maml_adapt* lay_out(const ModelFile& file, const Engine& engine, std::size_t support_rows, std::size_t query_rows,
                    Arena& arena) {
  const FileHeader& h = *file.header;
  const bool adapts = h.is_adapted == 0;
  const MostRows most = {support_rows, (couples(h) ? support_rows : 0) + query_rows};
  auto* const context = arena.take<maml_adapt>(1);
  maml_adapt made = {};
  made.engine = &engine;
  made.file = file;
  made.support_rows = support_rows;
  made.query_rows = query_rows;
  TapePlan tape;
  made.layers = lay_out_layers(file, engine, most, arena, tape);
  made.half = tape.half;
  if (adapts) {
    made.own_theta = arena.take<float>(h.parameters);
    made.gradient = arena.take<float>(h.parameters);
    made.weights = arena.take<float>(support_rows);
    if (h.loss == Loss::cross_entropy) made.class_counts = arena.take<std::uint32_t>(h.outputs);
  }
  if (couples(h)) made.batch = arena.take<float>(most.prediction * file.inputs);
  made.tape = arena.take<float>(adapts && tape.gradient > tape.prediction() ? tape.gradient : tape.prediction());
  arena.put(context, 0, made);
  return context;
}

/// Adapted, as the file is.
void load_adapted(maml_adapt& self) {
  const FileHeader& h = *self.file.header;
  self.is_adapted = true;
  self.theta = self.file.parameters;
  self.steps = static_cast<int>(h.steps);
  self.classes = h.classes;
  self.rows = h.support_rows;
  if (couples(h)) std::memcpy(self.batch, self.file.support, self.rows * self.file.inputs * sizeof(float));
}

/// What both functions that take rows ask for.
int prepare(const void* bytes, std::size_t size, std::size_t& support_rows, std::size_t query_rows, ModelFile& file,
            const Engine*& used) {
  used = engine();
  if (used == nullptr) return MAML_ADAPT_NO_CPU;
  if (const int wrong = open_file(bytes, size, file)) return wrong;
  if (file.header->is_adapted != 0) support_rows = file.header->support_rows;
  const bool has_rows = file.header->is_adapted != 0 || support_rows > 0;
  return has_rows && support_rows <= most_rows && query_rows <= most_rows ? MAML_ADAPT_OK : MAML_ADAPT_ARGUMENT;
}

bool is_finite(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return (bits & 0x7f800000u) != 0x7f800000u;
}
bool all_finite(const float* x, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (!is_finite(x[i])) return false;
  return true;
}

/// Counts the rows of each class. Gives the number of classes, or 0 where labels are none that can be.
std::uint32_t count_classes(const float* y, std::size_t rows, std::uint32_t outputs, std::uint32_t* counts) {
  std::memset(counts, 0, outputs * sizeof(*counts));
  std::uint32_t classes = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    if (!(y[row] >= 0 && y[row] < static_cast<float>(outputs))) return 0;
    const auto label = static_cast<std::uint32_t>(y[row]);
    if (static_cast<float>(label) != y[row] || label >= outputs) return 0;
    ++counts[label];
    if (label >= classes) classes = label + 1;
  }
  for (std::uint32_t c = 0; c < classes; ++c)
    if (counts[c] == 0) return 0;
  return classes >= 2 ? classes : 0;
}

/// What makes every class count as much as any other (maml/tasks/shots.h); null where all have as many rows.
const float* class_weights(const maml_adapt& self, const float* y, std::size_t rows, std::uint32_t classes) {
  const std::uint32_t* const counts = self.class_counts;
  bool are_equal = true;
  for (std::uint32_t c = 1; c < classes; ++c) are_equal = are_equal && counts[c] == counts[0];
  if (are_equal) return nullptr;
  const double of_equal = self.file.header->normalisation == Normalisation::mean
                              ? static_cast<double>(rows) / static_cast<double>(classes)
                              : static_cast<double>(rows / classes);
  for (std::size_t row = 0; row < rows; ++row)
    self.weights[row] = static_cast<float>(of_equal / static_cast<double>(counts[static_cast<std::uint32_t>(y[row])]));
  return self.weights;
}

/// theta_k to theta_{k+1}, from the first layer that is not frozen on.
void step(const maml_adapt& self, int k) {
  const FileHeader& h = *self.file.header;
  const std::size_t front = self.layers[h.frozen].parameters;
  const std::uint32_t last = h.rate_sets - 1,
                      set = static_cast<std::uint32_t>(k) < last ? static_cast<std::uint32_t>(k) : last;
  if (h.sharing == Sharing::element) {
    const float* const rates = self.file.rates + std::size_t{set} * h.parameters;
    self.engine->step(h.parameters - front, rates + front, false, self.gradient, self.own_theta + front);
    return;
  }
  const float* const rates = self.file.rates + std::size_t{set} * h.slices;
  std::size_t offset = 0;
  for (std::uint32_t i = 0; i < h.slices; ++i) {
    const std::size_t size = self.file.slices[i];
    if (offset >= front)
      self.engine->step(size, rates + i, true, self.gradient + (offset - front), self.own_theta + offset);
    offset += size;
  }
}

FileHeader saved_header(const maml_adapt& self) {
  FileHeader h = *self.file.header;
  h.is_adapted = 1;
  h.rate_sets = 0;
  h.sharing = Sharing::slice;
  h.steps = static_cast<std::uint32_t>(self.steps);
  h.classes = self.classes;
  h.support_rows = couples(h) ? static_cast<std::uint32_t>(self.rows) : 0;
  h.file_bytes = FileParts(h).end;
  return h;
}

}  // namespace

uint32_t maml_adapt_abi(void) {
  return MAML_ADAPT_ABI;
}

const char* maml_adapt_error(int status) {
  switch (status) {
  case MAML_ADAPT_OK:
    return "nothing is wrong";
  case MAML_ADAPT_NOT_A_MODEL:
    return "the file is no model of maml_adapt (maml export RUN --format embed writes one)";
  case MAML_ADAPT_VERSION:
    return "the file is of a version that this library does not know (export it anew, or build the library anew)";
  case MAML_ADAPT_DAMAGED:
    return "the file is damaged (export or copy it again)";
  case MAML_ADAPT_ALIGNMENT:
    return "the file's bytes do not begin at a multiple of 8 (read it into memory from malloc)";
  case MAML_ADAPT_NO_CPU:
    return "this CPU lacks the instruction set that the library is built for, or that MAML_ISA asks for (build without "
           "MAML_ADAPT_ISA, or unset MAML_ISA)";
  case MAML_ADAPT_ARENA:
    return "the arena is too small (maml_adapt_arena_bytes says what it takes)";
  case MAML_ADAPT_ARGUMENT:
    return "an argument is null, or a number that cannot be (rows: 1 to 2^20 of a support set, 0 to 2^20 of queries; "
           "steps: 0 to 2^20; to save: the bytes that maml_adapt_saved_bytes says)";
  case MAML_ADAPT_ROWS:
    return "more rows than the context was made for (create it with more support_rows or query_rows)";
  case MAML_ADAPT_LABEL:
    return "labels must be 0, 1, .. without a gap, of two classes to as many as the model has outputs";
  case MAML_ADAPT_NOT_FINITE:
    return "an input or a target is not a finite number (mend its row, or leave it out)";
  case MAML_ADAPT_DIVERGED:
    return "the adapted parameters are not finite (take fewer steps)";
  case MAML_ADAPT_NOT_ADAPTED:
    return "the model is not adapted yet (call maml_adapt_run)";
  case MAML_ADAPT_IS_ADAPTED:
    return "the model is adapted already, and can only predict (adapt the trained one)";
  default:
    return "no status of maml_adapt";
  }
}

int maml_adapt_describe(const void* bytes, size_t size, maml_adapt_model* model) {
  if (model == nullptr) return MAML_ADAPT_ARGUMENT;
  ModelFile file;
  if (const int wrong = open_file(bytes, size, file)) return wrong;
  const FileHeader& h = *file.header;
  *model = {};
  model->height = h.height;
  model->width = h.width;
  model->channels = h.channels;
  model->inputs = static_cast<uint32_t>(file.inputs);
  model->outputs = h.outputs;
  model->targets = static_cast<uint32_t>(file.targets);
  model->is_classifier = h.loss == Loss::cross_entropy;
  model->steps = h.steps;
  model->is_adapted = h.is_adapted;
  model->classes = h.classes;
  model->support_rows = h.support_rows;
  model->parameters = h.parameters;
  model->is_one_batch = h.statistics == Statistics::transductive;
  model->terms = file.text;
  return MAML_ADAPT_OK;
}

int maml_adapt_arena_bytes(const void* bytes, size_t size, size_t support_rows, size_t query_rows,
                           size_t* arena_bytes) {
  if (arena_bytes == nullptr) return MAML_ADAPT_ARGUMENT;
  ModelFile file;
  const Engine* used;
  if (const int wrong = prepare(bytes, size, support_rows, query_rows, file, used)) return wrong;
  Arena counter(nullptr);
  (void)lay_out(file, *used, support_rows, query_rows, counter);
  *arena_bytes = counter.used() + slack;
  return MAML_ADAPT_OK;
}

int maml_adapt_create(const void* bytes, size_t size, size_t support_rows, size_t query_rows, void* arena,
                      size_t arena_bytes, maml_adapt** context) {
  if (arena == nullptr || context == nullptr) return MAML_ADAPT_ARGUMENT;
  ModelFile file;
  const Engine* used;
  if (const int wrong = prepare(bytes, size, support_rows, query_rows, file, used)) return wrong;
  Arena counter(nullptr);
  (void)lay_out(file, *used, support_rows, query_rows, counter);
  if (arena_bytes < counter.used() + slack) return MAML_ADAPT_ARENA;
  const auto address = reinterpret_cast<std::uintptr_t>(arena);
  Arena memory(static_cast<char*>(arena) + (64 - address % 64) % 64);
  *context = lay_out(file, *used, support_rows, query_rows, memory);
  if (file.header->is_adapted != 0) load_adapted(**context);
  return MAML_ADAPT_OK;
}

int maml_adapt_run(maml_adapt* context, const float* x, const float* y, size_t rows, int steps) {
  if (context == nullptr || x == nullptr || y == nullptr || rows == 0) return MAML_ADAPT_ARGUMENT;
  maml_adapt& self = *context;
  const FileHeader& h = *self.file.header;
  if (h.is_adapted != 0) return MAML_ADAPT_IS_ADAPTED;
  if (steps == MAML_ADAPT_TRAINED_STEPS) steps = static_cast<int>(h.steps);
  if (steps < 0 || steps > static_cast<int>(most_steps)) return MAML_ADAPT_ARGUMENT;
  if (rows > self.support_rows) return MAML_ADAPT_ROWS;
  if (!all_finite(x, rows * self.file.inputs) || !all_finite(y, rows * self.file.targets)) return MAML_ADAPT_NOT_FINITE;

  Judge judge = {h.loss, h.normalisation, y, nullptr, rows};
  std::uint32_t classes = 0;
  if (h.loss == Loss::cross_entropy) {
    classes = count_classes(y, rows, h.outputs, self.class_counts);
    if (classes == 0) return MAML_ADAPT_LABEL;
    judge.weight = class_weights(self, y, rows, classes);
    judge.shots = rows / classes;
  }
  self.is_adapted = false;
  std::memcpy(self.own_theta, self.file.parameters, h.parameters * sizeof(float));
  for (int k = 0; k < steps; ++k) {
    const Call call = {self.layers, h.layers, self.own_theta, self.file.state, x, rows,
                       0,           k,        h.statistics,   self.tape,       0};
    self.engine->gradient(call, judge, k == 0 ? 0 : h.frozen, h.frozen, self.gradient);
    step(self, k);
  }
  if (!all_finite(self.own_theta, h.parameters)) return MAML_ADAPT_DIVERGED;
  if (couples(h)) std::memcpy(self.batch, x, rows * self.file.inputs * sizeof(float));
  self.theta = self.own_theta;
  self.steps = steps;
  self.classes = classes;
  self.rows = rows;
  self.is_adapted = true;
  return MAML_ADAPT_OK;
}

int maml_adapt_predict(maml_adapt* context, const float* x, size_t rows, float* outputs) {
  if (context == nullptr || x == nullptr || outputs == nullptr) return MAML_ADAPT_ARGUMENT;
  maml_adapt& self = *context;
  const FileHeader& h = *self.file.header;
  if (!self.is_adapted) return MAML_ADAPT_NOT_ADAPTED;
  const bool is_one_batch = h.statistics == Statistics::transductive;
  if (rows > 0 && (self.query_rows == 0 || (is_one_batch && rows > self.query_rows))) return MAML_ADAPT_ROWS;
  const std::size_t before = couples(h) ? self.rows : 0, inputs = self.file.inputs;
  for (std::size_t first = 0; first < rows;) {
    const std::size_t count = rows - first < self.query_rows ? rows - first : self.query_rows;
    const float* all = x + first * inputs;
    if (before > 0) {
      std::memcpy(self.batch + before * inputs, all, count * inputs * sizeof(float));
      all = self.batch;
    }
    const Call call = {self.layers, h.layers,   self.theta,   self.file.state, all,      before + count,
                       before,      self.steps, h.statistics, self.tape,       self.half};
    self.engine->predict(call, outputs + first * self.file.outputs);
    first += count;
  }
  return MAML_ADAPT_OK;
}

uint32_t maml_adapt_classes(const maml_adapt* context) {
  return context != nullptr && context->is_adapted ? context->classes : 0;
}

int maml_adapt_saved_bytes(const maml_adapt* context, size_t* bytes) {
  if (context == nullptr || bytes == nullptr) return MAML_ADAPT_ARGUMENT;
  if (!context->is_adapted) return MAML_ADAPT_NOT_ADAPTED;
  *bytes = saved_header(*context).file_bytes;
  return MAML_ADAPT_OK;
}

int maml_adapt_save(const maml_adapt* context, void* to, size_t bytes) {
  if (context == nullptr || to == nullptr) return MAML_ADAPT_ARGUMENT;
  if (!context->is_adapted) return MAML_ADAPT_NOT_ADAPTED;
  const maml_adapt& self = *context;
  FileHeader h = saved_header(self);
  if (bytes != h.file_bytes) return MAML_ADAPT_ARGUMENT;
  const FileParts parts(h);
  auto* const start = static_cast<char*>(to);
  std::memset(start, 0, bytes);
  std::memcpy(start + parts.layers, self.file.layers, h.layers * sizeof(LayerRecord));
  std::memcpy(start + parts.slices, self.file.slices, h.slices * sizeof(std::uint32_t));
  std::memcpy(start + parts.parameters, self.theta, h.parameters * sizeof(float));
  std::memcpy(start + parts.state, self.file.state, h.state * sizeof(float));
  if (h.support_rows > 0)
    std::memcpy(start + parts.support, self.batch, h.support_rows * self.file.inputs * sizeof(float));
  if (h.text_bytes > 0) std::memcpy(start + parts.text, self.file.text, h.text_bytes);
  std::memcpy(start, &h, sizeof(h));
  h.checksum = xxh64(start + checksummed_from, bytes - checksummed_from);
  std::memcpy(start, &h, sizeof(h));
  return MAML_ADAPT_OK;
}
