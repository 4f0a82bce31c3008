#include "maml/nn/network.h"

#include <cassert>

namespace maml {

namespace {

constexpr std::size_t round_up(std::size_t n) {
  return (n + 15) / 16 * 16;
}

template <class P> Strided<P> at(Strided<P> array, std::size_t offset) {
  array.base = array.base + static_cast<std::ptrdiff_t>(offset);
  return array;
}

template <class T> Strided<Value<T>> without_tangent(Strided<Value<T>> array) {
  return array;
}
template <class T> Strided<Tangent<T>> without_tangent(Strided<Tangent<T>> array) {
  array.base.tangent = nullptr;
  return array;
}

template <class T>
void add(const Strided<Value<T>>& to, const Strided<Value<T>>& more, std::size_t tasks, std::size_t n) {
  assert(to.base.value && more.base.value);
  for (std::size_t task = 0; task < tasks; ++task)
    for (std::size_t i = 0; i < n; ++i) to.task(task).value[i] += more.task(task).value[i];
}
template <class T>
void add(const Strided<Tangent<T>>& to, const Strided<Tangent<T>>& more, std::size_t tasks, std::size_t n) {
  assert(to.base.tangent && more.base.tangent);
  for (std::size_t task = 0; task < tasks; ++task)
    for (std::size_t i = 0; i < n; ++i) to.task(task).tangent[i] += more.task(task).tangent[i];
}

template <class T> bool has_tangent(const Strided<Value<T>>&) {
  return false;
}
template <class T> bool has_tangent(const Strided<Tangent<T>>& array) {
  return array.base.tangent != nullptr;
}

/// Zero tangents.
template <class T> void clear(const Strided<Value<T>>&, std::size_t, std::size_t) {}
template <class T> void clear(const Strided<Tangent<T>>& array, std::size_t tasks, std::size_t n) {
  for (std::size_t task = 0; task < tasks; ++task) std::fill_n(array.task(task).tangent, n, T(0));
}

/// The call for one of its tasks.
template <class P> LayerCall<P> of_task(LayerCall<P> call, std::size_t task) {
  for (auto* array :
       {&call.x, &call.y, &call.cache, &call.parameters, &call.dy, &call.dx, &call.x2, &call.dx2, &call.d_parameters})
    array->base = array->task(task);
  if (call.state_delta) call.state_delta += static_cast<std::ptrdiff_t>(task) * call.state_stride;
  call.tasks = 1;
  return call;
}

/// The call of a layer that works by rows, for some of them.
template <class P> LayerCall<P> of_rows(LayerCall<P> call, const LayerInfo& info, std::size_t first, std::size_t rows) {
  for (auto* array : {&call.x, &call.dx}) *array = at(*array, first * info.input.size());
  for (auto* array : {&call.y, &call.dy}) *array = at(*array, first * info.output.size());
  call.rows = rows;
  call.continues = first > 0;
  return call;
}

/// f(call of the layer that works by rows, call of the next one), both for the same chunk of rows of one task.
template <class P, class F>
void each_chunk(const Layer& layer, const LayerCall<P>& call, std::size_t chunk, LayerCall<P> next, F f) {
  next.stage = Stage::rows;
  for (next.first_row = 0; next.first_row < call.rows; next.first_row += chunk)
    f(of_rows(call, layer.info(), next.first_row, std::min(chunk, call.rows - next.first_row)), next);
}

/// A pass of a layer that works by rows and of the next one, in stages, task by task and chunk by chunk: what one
/// writes the other finds in the processor's cache.
template <class P>
void forward_together(const Layer& layer, const LayerCall<P>& call, const Layer& next, const LayerCall<P>& next_call) {
  for (std::size_t task = 0; task < call.tasks; ++task) {
    LayerCall<P> joint = of_task(next_call, task);
    each_chunk(layer, of_task(call, task), next.info().chunk_rows, joint, [&](const auto& rows, const auto& next_rows) {
      layer.forward(rows);
      next.forward(next_rows);
    });
    joint.stage = Stage::joint;
    next.forward(joint);
  }
}
template <class P>
void backward_together(const Layer& layer, const LayerCall<P>& call, const Layer& next, const LayerCall<P>& next_call) {
  for (std::size_t task = 0; task < call.tasks; ++task) {
    LayerCall<P> joint = of_task(next_call, task);
    joint.stage = Stage::joint;
    next.backward(joint);
    each_chunk(layer, of_task(call, task), next.info().chunk_rows, joint, [&](const auto& rows, const auto& next_rows) {
      next.backward(next_rows);
      layer.backward(rows);
    });
  }
}

template <class P> constexpr bool is_tangent = requires(typename P::Ref ref) {
  ref.tangent;
};

}  // namespace

Network::Network(const Model& model, std::size_t first, std::size_t last) : model_(model) {
  assert(first <= last && last <= model.layer_count());
  std::size_t parameters = 0, slices = 0, state = 0;
  std::vector<int> entry_of(last + 1, -1);  // of each layer's output, from the model's input on
  std::vector<int> read(last + 1, 0);       // how often, views not counted but what they show
  const auto source = [&](int layer) {
    return layer < static_cast<int>(first) ? 0 : static_cast<std::size_t>(layer) + 1;
  };
  for (std::size_t i = first; i < last; ++i) {
    const auto sources = model.sources(i);
    ++read[source(sources.first)];
    if (sources.second != -2) ++read[source(sources.second)];
  }
  outputs_ = first < last ? model.layer(first).info().input.size() : model.input().size();
  for (std::size_t i = 0; i < last; ++i) {
    const auto& info = model.layer(i).info();
    if (i >= first) {
      if (i == first) parameters_ = parameters;  // where this part begins, for now
      if (!info.is_view) {
        // A layer without parameters may go into the pass of the one before.
        const auto sources = model.sources(i);
        const int input = entry_of[source(sources.first)];
        const bool is_alone = input >= 0 && input + 1 == static_cast<int>(entries_.size()) &&
                              read[source(sources.first)] == 1 && sources.first == static_cast<int>(i) - 1 &&
                              !model.layer(i - 1).info().is_view && info.parameters.empty() && info.state.empty();
        auto both = is_alone ? entries_.back().layer->joined(model.layer(i)) : nullptr;
        if (both) {
          entries_.back().layer = both.get();
          joined_.push_back(std::move(both));
        } else {
          const int second = sources.second == -2 ? -2 : entry_of[source(sources.second)];
          entries_.push_back({&model.layer(i), input, second, parameters - parameters_, slices, state});
        }
        entry_of[i + 1] = static_cast<int>(entries_.size()) - 1;
      } else {
        entry_of[i + 1] = entry_of[source(model.sources(i).first)];
      }
      outputs_ = info.output.size();
    }
    for (const auto& spec : info.parameters) parameters += spec.size;
    for (const auto& spec : info.state) state += spec.size;
    if (i >= first) slices += info.parameters.size();
  }
  parameters_ = parameters - (first < last ? parameters_ : parameters);
  readers_.assign(entries_.size() + 1, 0);
  const auto reads = [&](int entry) { ++readers_[entry < 0 ? entries_.size() : static_cast<std::size_t>(entry)]; };
  for (const Entry& entry : entries_) {
    reads(entry.input);
    if (entry.second != -2) reads(entry.second);
  }
  for (std::size_t i = 0; i + 1 < entries_.size(); ++i)
    entries_[i].runs_with_next = entries_[i].layer->info().works_by_rows && entries_[i].second == -2 &&
                                 entries_[i + 1].layer->info().chunk_rows > 0 && readers_[i] == 1 &&
                                 entries_[i + 1].input == static_cast<int>(i) && entries_[i + 1].second == -2;
}

Network::Layout Network::layout(std::size_t rows, Tape tape) const {
  Layout layout;
  std::size_t end = 0, extra = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto& layer = *entries_[i].layer;
    const std::size_t outputs = round_up(rows * layer.info().output.size());
    const auto take = [&](std::size_t size) {
      end += size;
      return Place{end - size, size};
    };
    layout.y[i] = take(outputs);
    layout.cache[i] = take(round_up(layer.cache_size(rows)));
    // The last outputs are the loss's to read and stay.
    const bool overwrites = tape == Tape::spent && i + 1 < entries_.size() && !layer.info().reads_output &&
                            readers_[i] == 1 && entries_[i + 1].input == static_cast<int>(i) &&
                            entries_[i + 1].layer->info().works_in_place;
    if (readers_[i] > 1) extra = std::max(extra, outputs);
    layout.dy[i] = overwrites ? layout.y[i] : take(outputs);
  }
  if (readers_.back() > 1) extra = std::max(extra, round_up(rows * entries_[0].layer->info().input.size()));
  layout.extra = {end, extra};
  layout.total = end + extra;
  return layout;
}

template <class P>
NetworkPass<P>::NetworkPass(const Network& network, const NetworkCall<P>& call)
    : network_(network), call_(call), places_(network.layout(call.rows, call.keeping)) {
  for (std::size_t i = 0; i < network_.entries_.size(); ++i) {
    const auto& entry = network_.entries_[i];
    const auto is_live = [&](int source) {
      return source == -1 ? has_tangent(call_.x) : source >= 0 && live_[static_cast<std::size_t>(source)];
    };
    const bool input_is_live = is_live(entry.input) || is_live(entry.second);
    const bool has_parameters = !entry.layer->info().parameters.empty();
    live_[i] = is_tangent<P> && (input_is_live || (has_parameters && active_bits(entry) != 0));
  }
}

template <class P> std::uint32_t NetworkPass<P>::active_bits(const Network::Entry& entry) const {
  if (!call_.active) return ~0u;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < entry.layer->info().parameters.size(); ++i)
    if (call_.active[entry.first_slice + i]) bits |= 1u << i;
  return bits;
}

template <class P> Strided<P> NetworkPass<P>::on_tape(Network::Place place) const {
  Strided<P> array;
  array.base = call_.tape + static_cast<std::ptrdiff_t>(place.offset * call_.tasks);
  array.stride = static_cast<std::ptrdiff_t>(place.size);
  if constexpr (is_tangent<P>) array.tangent_stride = array.stride;
  return array;
}

template <class P> Strided<P> NetworkPass<P>::output_of(int entry) const {
  if (entry == -2) return {};
  if (entry == -1) return call_.x;
  const auto i = static_cast<std::size_t>(entry);
  const auto y = on_tape(places_.y[i]);
  return live_[i] ? y : without_tangent(y);
}

template <class P> LayerCall<P> NetworkPass<P>::layer_call(std::size_t i) const {
  const auto& entry = network_.entries_[i];
  LayerCall<P> layer;
  layer.tasks = call_.tasks;
  layer.rows = call_.rows;
  layer.support_rows = call_.support_rows;
  layer.step = call_.step;
  layer.evaluating = call_.mode.evaluating;
  layer.statistics = entry.layer->statistics(call_.mode).value_or(Statistics::transductive);
  layer.parameters = at(call_.theta, entry.parameter_offset);
  layer.active = active_bits(entry);
  layer.state = call_.state ? call_.state + entry.state_offset : nullptr;
  layer.x = output_of(entry.input);
  layer.x2 = output_of(entry.second);
  layer.y = on_tape(places_.y[i]);
  layer.cache = on_tape(places_.cache[i]);
  return layer;
}

template <class P> void NetworkPass<P>::forward(Scalar* state_delta, std::ptrdiff_t state_stride) const {
  const auto call_of = [&](std::size_t i) {
    auto layer = layer_call(i);
    layer.state_delta = state_delta ? state_delta + network_.entries_[i].state_offset : nullptr;
    layer.state_stride = state_stride;
    return layer;
  };
  for (std::size_t i = 0; i < network_.entries_.size(); ++i) {
    if (is_tangent<P> && !live_[i]) continue;
    const auto& entry = network_.entries_[i];
    if (entry.runs_with_next) {
      forward_together(*entry.layer, call_of(i), *network_.entries_[i + 1].layer, call_of(i + 1));
      ++i;
    } else {
      entry.layer->forward(call_of(i));
    }
  }
}

template <class P> void NetworkPass<P>::backward(Strided<P> dx, Strided<P> d_theta) const {
  // Where the gradient by an output goes: the first of its readers to run back writes it, the others add to it.
  std::array<bool, Network::max_layers + 1> written{};
  const auto extra = on_tape(places_.extra);
  const auto gradient_of = [&](int entry) {
    if (entry == -2) return Strided<P>{};
    return entry == -1 ? dx : on_tape(places_.dy[static_cast<std::size_t>(entry)]);
  };
  const auto place_of = [](int entry) { return static_cast<std::size_t>(std::ptrdiff_t{entry} + 1); };
  const auto is_written = [&](int entry) { return entry != -2 && written[place_of(entry)]; };
  const auto call_of = [&](std::size_t i) {
    const auto& entry = network_.entries_[i];
    auto layer = layer_call(i);
    if (!live_[i]) {  // forward left nothing in the tangents
      layer.y = without_tangent(layer.y);
      clear(layer.cache, call_.tasks, entry.layer->cache_size(call_.rows));
    }
    layer.dy = on_tape(places_.dy[i]);
    layer.d_parameters = at(d_theta, entry.parameter_offset);
    layer.dx = is_written(entry.input) && gradient_of(entry.input).base ? extra : gradient_of(entry.input);
    // One input's gradient at a time may have to be added; if both, both are the same: dy.
    if (is_written(entry.input) && is_written(entry.second)) return layer;
    const bool adds_second = is_written(entry.second) || entry.second == entry.input;
    layer.dx2 = adds_second && gradient_of(entry.second).base ? extra : gradient_of(entry.second);
    return layer;
  };
  const auto add_extra = [&](std::size_t i) {
    const auto& entry = network_.entries_[i];
    const std::size_t size = call_.rows * entry.layer->info().input.size();
    for (const int input : {entry.input, entry.second}) {
      const auto gradient = gradient_of(input);
      if (is_written(input) && gradient.base) add(gradient, extra, call_.tasks, size);
      if (input != -2) written[place_of(input)] = true;
    }
  };
  for (std::size_t i = network_.entries_.size(); i-- > 0;) {
    const Layer& layer = *network_.entries_[i].layer;
    if (i > 0 && network_.entries_[i - 1].runs_with_next) {
      backward_together(*network_.entries_[i - 1].layer, call_of(i - 1), layer, call_of(i));
      add_extra(i);
      --i;
    } else {
      layer.backward(call_of(i));
    }
    add_extra(i);
  }
}

template <class P> Strided<P> NetworkPass<P>::output() const {
  if (network_.entries_.empty()) return call_.x;
  return output_of(static_cast<int>(network_.entries_.size()) - 1);
}

template <class P> Strided<P> NetworkPass<P>::d_output() const {
  assert(!network_.entries_.empty());
  return on_tape(places_.dy[network_.entries_.size() - 1]);
}

template class NetworkPass<Value<float>>;
template class NetworkPass<Value<double>>;
template class NetworkPass<Value<std::complex<double>>>;
template class NetworkPass<Tangent<float>>;
template class NetworkPass<Tangent<double>>;

}  // namespace maml
