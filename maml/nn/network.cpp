#include "maml/nn/network.h"

#include <cassert>

namespace maml {

namespace {

constexpr std::size_t round_up(std::size_t n) { return (n + 15) / 16 * 16; }

template <class P> Strided<P> at(Strided<P> array, std::size_t offset) {
  array.base = array.base + static_cast<std::ptrdiff_t>(offset);
  return array;
}

template <class T> Strided<Value<T>> without_tangent(Strided<Value<T>> array) { return array; }
template <class T> Strided<Tangent<T>> without_tangent(Strided<Tangent<T>> array) {
  array.base.tangent = nullptr;
  return array;
}

template <class T> bool has_tangent(const Strided<Value<T>>&) { return false; }
template <class T> bool has_tangent(const Strided<Tangent<T>>& array) { return array.base.tangent != nullptr; }

template <class P> constexpr bool is_tangent = requires(typename P::Ref ref) { ref.tangent; };

}  // namespace

Network::Network(const Model& model, std::size_t first, std::size_t last) : model_(model) {
  assert(first <= last && last <= model.layer_count());
  std::size_t parameters = 0, slices = 0, state = 0;
  int input = -1;
  outputs_ = first < last ? model.layer(first).info().input.size() : model.input().size();
  for (std::size_t i = 0; i < last; ++i) {
    const auto& info = model.layer(i).info();
    if (i >= first) {
      if (i == first) parameters_ = parameters;  // where this part begins, for now
      if (!info.is_view) {
        entries_.push_back({&model.layer(i), input, parameters - parameters_, slices, state});
        input = static_cast<int>(entries_.size()) - 1;
      }
      outputs_ = info.output.size();
    }
    for (const auto& spec : info.parameters) parameters += spec.size;
    for (const auto& spec : info.state) state += spec.size;
    if (i >= first) slices += info.parameters.size();
  }
  parameters_ = parameters - (first < last ? parameters_ : parameters);
}

Network::Layout Network::layout(std::size_t rows) const {
  Layout layout;
  std::size_t end = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto& layer = *entries_[i].layer;
    const std::size_t outputs = round_up(rows * layer.info().output.size());
    layout.y[i] = end;
    layout.cache[i] = end + outputs;
    layout.dy[i] = layout.cache[i] + round_up(layer.cache_size(rows));
    end = layout.dy[i] + outputs;
  }
  layout.total = end;
  return layout;
}

std::uint32_t Network::active_bits(const Entry& entry, const unsigned char* active) const {
  if (!active) return ~0u;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < entry.layer->info().parameters.size(); ++i)
    if (active[entry.first_slice + i]) bits |= 1u << i;
  return bits;
}

template <class P> std::array<bool, Network::max_layers> Network::live(const Call<P>& call) const {
  std::array<bool, max_layers> live{};
  if constexpr (is_tangent<P>) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const Entry& entry = entries_[i];
      const bool input_is = entry.input < 0 ? has_tangent(call.x) : live[static_cast<std::size_t>(entry.input)];
      const bool has_parameters = !entry.layer->info().parameters.empty();
      live[i] = input_is || (has_parameters && active_bits(entry, call.active) != 0);
    }
  }
  return live;
}

template <class P>
LayerCall<P> Network::layer_call(const Call<P>& call, const Entry& entry, std::uint32_t active) const {
  LayerCall<P> out;
  out.tasks = call.tasks;
  out.rows = call.rows;
  out.support_rows = call.support_rows;
  out.step = call.step;
  out.evaluating = call.evaluating;
  out.parameters = at(call.theta, entry.parameter_offset);
  out.active = active;
  out.state = call.state ? call.state + entry.state_offset : nullptr;
  return out;
}

template <class P>
void Network::forward(const Call<P>& call, typename P::Scalar* state_delta, std::ptrdiff_t state_stride) const {
  const Layout places = layout(call.rows);
  const auto alive = live(call);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (is_tangent<P> && !alive[i]) continue;
    const Entry& entry = entries_[i];
    auto layer = layer_call(call, entry, active_bits(entry, call.active));
    if (entry.input < 0) {
      layer.x = call.x;
    } else {
      const auto from = static_cast<std::size_t>(entry.input);
      layer.x = at(call.tape, places.y[from]);
      if (is_tangent<P> && !alive[from]) layer.x = without_tangent(layer.x);
    }
    layer.y = at(call.tape, places.y[i]);
    layer.cache = at(call.tape, places.cache[i]);
    layer.state_delta = state_delta ? state_delta + entry.state_offset : nullptr;
    layer.state_stride = state_stride;
    entry.layer->forward(layer);
  }
}

template <class P> void Network::backward(const Call<P>& call, Strided<P> dx, Strided<P> d_theta) const {
  const Layout places = layout(call.rows);
  const auto alive = live(call);
  for (std::size_t i = entries_.size(); i-- > 0;) {
    const Entry& entry = entries_[i];
    auto layer = layer_call(call, entry, active_bits(entry, call.active));
    layer.y = at(call.tape, places.y[i]);
    layer.cache = at(call.tape, places.cache[i]);
    layer.dy = at(call.tape, places.dy[i]);
    layer.d_parameters = at(d_theta, entry.parameter_offset);
    if (is_tangent<P> && !alive[i]) {
      layer.y = without_tangent(layer.y);
      layer.cache = without_tangent(layer.cache);
    }
    if (entry.input < 0) {
      layer.x = call.x;
      layer.dx = dx;
    } else {
      const auto from = static_cast<std::size_t>(entry.input);
      layer.x = at(call.tape, places.y[from]);
      layer.dx = at(call.tape, places.dy[from]);
      if (is_tangent<P> && !alive[from]) layer.x = without_tangent(layer.x);
    }
    entry.layer->backward(layer);
  }
}

template <class P> Strided<P> Network::output(const Call<P>& call) const {
  if (entries_.empty()) return call.x;
  const auto places = layout(call.rows);
  const auto result = at(call.tape, places.y[entries_.size() - 1]);
  if constexpr (is_tangent<P>)
    if (!live(call)[entries_.size() - 1]) return without_tangent(result);
  return result;
}

template <class P> Strided<P> Network::d_output(const Call<P>& call) const {
  return at(call.tape, layout(call.rows).dy[entries_.size() - 1]);
}

#define MAML_INSTANTIATE(P)                                                                                            \
  template void Network::forward(const Call<P>&, P::Scalar*, std::ptrdiff_t) const;                                    \
  template void Network::backward(const Call<P>&, Strided<P>, Strided<P>) const;                                       \
  template Strided<P> Network::output(const Call<P>&) const;                                                           \
  template Strided<P> Network::d_output(const Call<P>&) const;
MAML_INSTANTIATE(Value<float>)
MAML_INSTANTIATE(Value<double>)
MAML_INSTANTIATE(Value<std::complex<double>>)
MAML_INSTANTIATE(Tangent<float>)
MAML_INSTANTIATE(Tangent<double>)
#undef MAML_INSTANTIATE

}  // namespace maml
