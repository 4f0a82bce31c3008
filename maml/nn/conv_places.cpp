#include "maml/nn/conv_places.h"

namespace maml {

namespace {

/// Joins results at a constant distance whose taps are the same and move with them.
class Stretches {
public:
  Stretches(std::size_t step, std::size_t source_step) : step_(step), source_step_(source_step) {}

  void add(std::size_t result, std::vector<AxisStretch::Tap> taps) {
    if (!list_.empty()) {
      AxisStretch& last = list_.back();
      auto moved = last.taps;
      for (auto& tap : moved) tap.source += last.count * source_step_;
      if (result == last.first + last.count * step_ && moved == taps) {
        ++last.count;
        return;
      }
    }
    list_.push_back({result, step_, source_step_, 1, std::move(taps)});
  }
  std::vector<AxisStretch> list() && { return std::move(list_); }

private:
  const std::size_t step_, source_step_;
  std::vector<AxisStretch> list_;
};

}  // namespace

std::vector<AxisStretch> forward_stretches(const ConvAxis& axis) {
  Stretches stretches(1, axis.stride);
  for (std::size_t o = 0; o < axis.out; ++o) {
    std::vector<AxisStretch::Tap> taps;
    for (std::size_t k = 0; k < axis.kernel; ++k)
      if (axis.feeds(o, k)) taps.push_back({k, axis.pixel(o, k)});
    stretches.add(o, std::move(taps));
  }
  return std::move(stretches).list();
}

std::vector<AxisStretch> input_gradient_stretches(const ConvAxis& axis) {
  Stretches stretches(axis.stride, 1);
  for (std::size_t phase = 0; phase < axis.stride; ++phase) {
    for (std::size_t pixel = phase; pixel < axis.in; pixel += axis.stride) {
      std::vector<AxisStretch::Tap> taps;
      for (std::size_t k = 0; k < axis.kernel; ++k) {
        if (pixel + axis.before < k || (pixel + axis.before - k) % axis.stride != 0) continue;
        const std::size_t o = (pixel + axis.before - k) / axis.stride;
        if (o < axis.out) taps.push_back({k, o});
      }
      stretches.add(pixel, std::move(taps));
    }
  }
  return std::move(stretches).list();
}

std::vector<AxisStretch> tap_stretches(const ConvAxis& axis) {
  std::vector<AxisStretch> list;
  for (std::size_t k = 0; k < axis.kernel; ++k) {
    Stretches stretches(1, axis.stride);
    for (std::size_t o = 0; o < axis.out; ++o)
      if (axis.feeds(o, k)) stretches.add(o, {{k, axis.pixel(o, k)}});
    for (auto& stretch : std::move(stretches).list()) list.push_back(std::move(stretch));
  }
  return list;
}

}  // namespace maml
