#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "embed/passes.cpp"
#include "embed/targets.h"

#include <cstdlib>
#include <cstring>

#include <hwy/foreach_target.h>

#include "embed/engine.h"
#include "maml/nn/batch_norm_pass-inl.h"
#include "maml/nn/conv2d_pass-inl.h"
#include "maml/nn/cross_entropy_pass-inl.h"
#include "maml/nn/linear_pass-inl.h"
#include "maml/nn/mse_pass-inl.h"
#include "maml/nn/pool_pass-inl.h"
#include "maml/nn/rectifier-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {
namespace {

// The layers of network.cpp's NetworkPass, in its order and with its chunks of rows, so to its bits.

using embed::Call;
using embed::Judge;
using embed::Kind;
using embed::Layer;
using embed::LayerRecord;

/// Groups of blocks of channels are parts of a register, all of them, so that what works on one is compiled once. Where
/// masks are slow or missing, as everywhere else.
struct Values : Pass<Value<float>> {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_SCALAR
  template <std::size_t kMost, class F> static HWY_INLINE void each_group(std::size_t n, F f) {
    constexpr std::size_t width = Lanes::width;
    for (std::size_t i = 0; i < n; i += kMost * width) {
      const std::size_t left = (n - i + width - 1) / width;
      const auto part = [i, n](std::size_t b) {
        const std::size_t begin = i + b * width;
        return Part{begin, n - begin < width ? n - begin : width};
      };
      f(part, left < kMost ? left : kMost);
    }
  }
#endif
};
using Rows = Frame<Values>;

float* writable(const float* p) {
  return const_cast<float*>(p);  // a Ref is to what may be written; inputs are not
}

LinearPass linear_of(const Layer& layer) {
  return LinearPass(layer.inputs, layer.outputs, layer.record->has_bias != 0);
}
Conv2dPass conv_of(const Layer& layer) {
  return Conv2dPass(*layer.lists, layer.record->has_bias != 0);
}
BatchNormPass norm_of(const Layer& layer) {
  const LayerRecord& r = *layer.record;
  return BatchNormPass({r.channels, layer.inputs / r.channels, r.height, r.width, r.has_weight != 0, r.sets, r.epsilon,
                        0, r.chunk_rows, r.slope, r.window});
}
PoolWindows windows_of(const Layer& layer) {
  const LayerRecord& r = *layer.record;
  return {r.height, r.width, r.channels, r.rows, r.columns, r.stride};
}

void rectify(const Layer& layer, const Rows& f) {
  const Rectifier rectifier{layer.record->slope};
  Values::each(f.rows * layer.inputs,
               [&](auto at) HWY_ATTR { Values::store(f.y, at, rectifier.forward(Values::load(f.x, at))); });
}
void rectify_back(const Layer& layer, const Rows& f) {
  if (!f.dx) return;
  const Rectifier rectifier{layer.record->slope};
  Values::each(f.rows * layer.inputs, [&](auto at) HWY_ATTR {
    const auto x = Values::load(f.x, at);
    Values::store(f.dx, at, rectifier.backward(x, x, Values::load(f.dy, at)));
  });
}

void forward(const Layer& layer, const Rows& f) {
  switch (layer.record->kind) {
  case Kind::linear:
    return linear_of(layer).forward(f);
  case Kind::conv2d:
    return conv_of(layer).forward(f);
  case Kind::batch_norm:
    return norm_of(layer).forward(f);
  case Kind::rectifier:
    return rectify(layer, f);
  case Kind::max_pool:
    return MaxPoolPass(windows_of(layer)).forward(f);
  case Kind::average_pool:
    return AveragePoolPass(windows_of(layer)).forward(f);
  }
}
void backward(const Layer& layer, const Rows& f) {
  switch (layer.record->kind) {
  case Kind::linear:
    return linear_of(layer).backward(f);
  case Kind::conv2d:
    return conv_of(layer).backward(f);
  case Kind::batch_norm:
    return norm_of(layer).backward(f);
  case Kind::rectifier:
    return rectify_back(layer, f);
  case Kind::max_pool:
    return MaxPoolPass(windows_of(layer)).backward(f);
  case Kind::average_pool:
    return AveragePoolPass(windows_of(layer)).backward(f);
  }
}

float* output_of(const Call& call, std::size_t i) {
  return call.tape + (call.half > 0 ? i % 2 * call.half : call.layers[i].y);
}

/// All rows of layer i; without gradients.
Rows frame_of(const Call& call, std::size_t i) {
  const Layer& layer = call.layers[i];
  Rows f = {};
  f.rows = call.rows;
  f.support_rows = call.support_rows;
  f.step = call.step;
  f.evaluating = true;
  // Without batch norm nothing asks.
  f.statistics = call.statistics == embed::Statistics::support   ? Statistics::support
                 : call.statistics == embed::Statistics::running ? Statistics::running
                                                                 : Statistics::transductive;
  f.stage = Stage::all;
  f.state = call.state + layer.state;
  f.x = {i == 0 ? writable(call.x) : output_of(call, i - 1)};
  f.y = {output_of(call, i)};
  f.cache = {call.tape + (call.half > 0 ? 2 * call.half : layer.cache)};
  // Batch norm without weights has a bias alone; nothing else is without its first slice.
  f.parameter[0] = {writable(call.theta + layer.parameters)};
  f.parameter[1] = {writable(call.theta + layer.parameters + layer.weight)};
  return f;
}

/// Some rows of a convolution's frame.
Rows rows_of(Rows f, const Layer& layer, std::size_t first, std::size_t rows) {
  const auto from = static_cast<std::ptrdiff_t>(first * layer.inputs);
  const auto to = static_cast<std::ptrdiff_t>(first * layer.outputs);
  f.x = f.x + from;
  f.dx = f.dx + from;
  f.y = f.y + to;
  f.dy = f.dy + to;
  f.rows = rows;
  f.continues = first > 0;
  return f;
}

/// Whether a convolution and the norm behind it take turns, chunk by chunk.
bool runs_with_next(const Call& call, std::size_t i) {
  return call.layers[i].record->kind == Kind::conv2d && i + 1 < call.layer_count &&
         call.layers[i + 1].record->kind == Kind::batch_norm;
}

/// f(frame of the convolution, frame of the norm) for each chunk of rows.
template <class F> void each_chunk(const Layer& conv, const Rows& all, const Layer& norm, Rows next, F f) {
  const std::size_t chunk = norm.record->chunk_rows;
  next.stage = Stage::rows;
  for (next.first_row = 0; next.first_row < all.rows; next.first_row += chunk)
    f(rows_of(all, conv, next.first_row, std::min(chunk, all.rows - next.first_row)), next);
}

void forward_from(const Call& call, std::size_t from) {
  for (std::size_t i = from; i < call.layer_count; ++i) {
    if (!runs_with_next(call, i)) {
      forward(call.layers[i], frame_of(call, i));
      continue;
    }
    const Layer &conv = call.layers[i], &norm = call.layers[i + 1];
    Rows joint = frame_of(call, i + 1);
    each_chunk(conv, frame_of(call, i), norm, joint, [&](const Rows& rows, const Rows& next) {
      forward(conv, rows);
      forward(norm, next);
    });
    joint.stage = Stage::joint;
    forward(norm, joint);
    ++i;
  }
}

void backward_to(const Call& call, std::size_t frozen, float* g) {
  const auto frame = [&](std::size_t i) {
    const Layer& layer = call.layers[i];
    Rows f = frame_of(call, i);
    f.dy = {call.tape + layer.dy};
    f.dx = {i > frozen ? call.tape + call.layers[i - 1].dy : nullptr};
    float* const own = g + (layer.parameters - call.layers[frozen].parameters);
    f.d_parameter[0] = {own};
    f.d_parameter[1] = {own + layer.weight};
    return f;
  };
  for (std::size_t i = call.layer_count; i-- > frozen;) {
    if (i == frozen || !runs_with_next(call, i - 1)) {
      backward(call.layers[i], frame(i));
      continue;
    }
    const Layer &conv = call.layers[i - 1], &norm = call.layers[i];
    Rows joint = frame(i);
    joint.stage = Stage::joint;
    backward(norm, joint);
    each_chunk(conv, frame(i - 1), norm, joint, [&](const Rows& rows, const Rows& next) {
      backward(norm, next);
      backward(conv, rows);
    });
    --i;
  }
}

std::size_t cache_size(const Layer& layer, std::size_t rows) {
  if (layer.record->kind == Kind::batch_norm) return norm_of(layer).cache_size(rows);
  return layer.record->kind == Kind::conv2d ? layer.weight : 0;
}

void gradient(const Call& call, const Judge& judge, std::size_t from, std::size_t frozen, float* g) {
  forward_from(call, from);
  const Layer& last = call.layers[call.layer_count - 1];
  LossFrame<Values> f = {};
  f.rows = call.rows;
  f.size = last.outputs;
  f.shots = judge.shots;
  f.output = {call.tape + last.y};
  f.dy = {call.tape + last.dy};
  f.y = judge.y;
  f.weight = judge.weight;
  const auto normalisation =
      judge.normalisation == embed::Normalisation::mean ? Normalisation::mean : Normalisation::sum_over_shots;
  if (judge.loss == embed::Loss::mse) {
    (void)MsePass::evaluate(f, normalisation);
  } else {
    (void)CrossEntropyPass::evaluate(f, normalisation);
  }
  backward_to(call, frozen, g);
}

void predict(const Call& call, float* outputs) {
  forward_from(call, 0);
  const std::size_t size = call.layers[call.layer_count - 1].outputs;
  std::memcpy(outputs, output_of(call, call.layer_count - 1) + call.support_rows * size,
              (call.rows - call.support_rows) * size * sizeof(float));
}

void step(std::size_t n, const float* rate, bool is_one, const float* g, float* theta) {
  const auto one = Values::broadcast({*rate});
  const Values::Ref to{theta};
  Values::each(n, [&](auto at) HWY_ATTR {
    const auto alpha = is_one ? one : Values::load_constant(rate, at);
    Values::store(to, at, Values::load(to, at) - alpha * Values::load_constant(g, at));
  });
}

}  // namespace

extern const embed::Engine the_engine;
const embed::Engine the_engine = {cache_size, gradient, predict, step};

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace maml::embed {

namespace {

/// Whether the name is asked for, or nothing is.
bool may_be(const char* asked, const char* name) {
  return asked == nullptr || *asked == '\0' || std::strcmp(asked, name) == 0;
}

}  // namespace

const Engine* engine() {
#ifdef MAML_ADAPT_ONE_ISA
  const char* const asked = nullptr;
#else
  const char* const asked = std::getenv("MAML_ISA");
#endif
#if HWY_ARCH_X86
  __builtin_cpu_init();
  [[maybe_unused]] const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                                         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  [[maybe_unused]] const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") &&
                                           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
                                           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#if HWY_TARGETS & HWY_AVX3
  if (has_avx512 && may_be(asked, "avx512")) return &N_AVX3::the_engine;
#endif
#if HWY_TARGETS & HWY_AVX2
  if (has_avx2 && may_be(asked, "avx2")) return &N_AVX2::the_engine;
#endif
#endif
#if HWY_STATIC_TARGET == HWY_AVX3 || HWY_STATIC_TARGET == HWY_AVX2
  return nullptr;
#else
  return may_be(asked, "baseline") ? &HWY_STATIC_DISPATCH(the_engine) : nullptr;
#endif
}

}  // namespace maml::embed
#endif  // HWY_ONCE
