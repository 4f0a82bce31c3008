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

template <class T> bool has_tangent(const Strided<Value<T>>&) {
  return false;
}
template <class T> bool has_tangent(const Strided<Tangent<T>>& array) {
  return array.base.tangent != nullptr;
}

template <class P> constexpr bool is_tangent = requires(typename P::Ref ref) {
  ref.tangent;
};

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
        // A layer without parameters may go into the pass of the one before.
        auto both = !entries_.empty() && info.parameters.empty() && info.state.empty()
                        ? entries_.back().layer->joined(model.layer(i))
                        : nullptr;
        if (both) {
          entries_.back().layer = both.get();
          joined_.push_back(std::move(both));
        } else {
          entries_.push_back({&model.layer(i), input, parameters - parameters_, slices, state});
        }
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

Network::Layout Network::layout(std::size_t rows, Tape tape) const {
  Layout layout;
  std::size_t end = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto& layer = *entries_[i].layer;
    const std::size_t outputs = round_up(rows * layer.info().output.size());
    layout.y[i] = end;
    layout.cache[i] = end + outputs;
    end = layout.cache[i] + round_up(layer.cache_size(rows));
    // The last outputs are the loss's to read and stay.
    const bool overwrites = tape == Tape::spent && i + 1 < entries_.size() && !layer.info().reads_output &&
                            entries_[i + 1].layer->info().works_in_place;
    layout.dy[i] = overwrites ? layout.y[i] : end;
    if (!overwrites) end += outputs;
  }
  layout.total = end;
  return layout;
}

template <class P>
NetworkPass<P>::NetworkPass(const Network& network, const NetworkCall<P>& call)
    : network_(network), call_(call), places_(network.layout(call.rows, call.keeping)) {
  for (std::size_t i = 0; i < network_.entries_.size(); ++i) {
    const auto& entry = network_.entries_[i];
    const bool input_is_live = entry.input < 0 ? has_tangent(call_.x) : live_[static_cast<std::size_t>(entry.input)];
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
  layer.x = call_.x;
  if (entry.input >= 0) {
    const auto from = static_cast<std::size_t>(entry.input);
    layer.x = at(call_.tape, places_.y[from]);
    if (!live_[from]) layer.x = without_tangent(layer.x);
  }
  layer.y = at(call_.tape, places_.y[i]);
  layer.cache = at(call_.tape, places_.cache[i]);
  return layer;
}

template <class P> void NetworkPass<P>::forward(Scalar* state_delta, std::ptrdiff_t state_stride) const {
  for (std::size_t i = 0; i < network_.entries_.size(); ++i) {
    if (is_tangent<P> && !live_[i]) continue;
    const auto& entry = network_.entries_[i];
    auto layer = layer_call(i);
    layer.state_delta = state_delta ? state_delta + entry.state_offset : nullptr;
    layer.state_stride = state_stride;
    entry.layer->forward(layer);
  }
}

template <class P> void NetworkPass<P>::backward(Strided<P> dx, Strided<P> d_theta) const {
  for (std::size_t i = network_.entries_.size(); i-- > 0;) {
    const auto& entry = network_.entries_[i];
    auto layer = layer_call(i);
    if (!live_[i]) {
      layer.y = without_tangent(layer.y);
      layer.cache = without_tangent(layer.cache);
    }
    layer.dy = at(call_.tape, places_.dy[i]);
    layer.dx = entry.input < 0 ? dx : at(call_.tape, places_.dy[static_cast<std::size_t>(entry.input)]);
    layer.d_parameters = at(d_theta, entry.parameter_offset);
    entry.layer->backward(layer);
  }
}

template <class P> Strided<P> NetworkPass<P>::output() const {
  if (network_.entries_.empty()) return call_.x;
  const std::size_t last = network_.entries_.size() - 1;
  const auto output = at(call_.tape, places_.y[last]);
  return live_[last] ? output : without_tangent(output);
}

template <class P> Strided<P> NetworkPass<P>::d_output() const {
  assert(!network_.entries_.empty());
  return at(call_.tape, places_.dy[network_.entries_.size() - 1]);
}

template class NetworkPass<Value<float>>;
template class NetworkPass<Value<double>>;
template class NetworkPass<Value<std::complex<double>>>;
template class NetworkPass<Tangent<float>>;
template class NetworkPass<Tangent<double>>;

}  // namespace maml
