#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <type_traits>

namespace maml {

/// Whether none of the values is infinite or not a number. Written over bits, so that it takes whole registers: a run
/// asks every iteration.
template <class T> bool all_finite(std::span<const T> values) {
  using Bits = std::conditional_t<sizeof(T) == sizeof(std::uint32_t), std::uint32_t, std::uint64_t>;
  constexpr Bits exponent = sizeof(T) == sizeof(std::uint32_t) ? Bits{0x7f800000u} : Bits(0x7ffull << 52);
  Bits bad = 0;
  for (const T value : values) bad |= (std::bit_cast<Bits>(value) & exponent) == exponent;
  return bad == 0;
}

}  // namespace maml
