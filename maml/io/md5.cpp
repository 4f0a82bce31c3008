#include "maml/io/md5.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace maml {

namespace {

static_assert(std::endian::native == std::endian::little, "words are copied as they lie in the message");

constexpr std::size_t block_size = 64, length_size = 8;
constexpr std::array<std::array<int, 4>, 4> shifts = {
    {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}};

using State = std::array<std::uint32_t, 4>;

std::array<std::uint32_t, block_size> sines() {
  std::array<std::uint32_t, block_size> table;
  for (std::size_t i = 0; i < table.size(); ++i)
    table[i] = static_cast<std::uint32_t>(0x1p32 * std::abs(std::sin(static_cast<double>(i + 1))));
  return table;
}

void add_block(State& state, const std::byte* block) {
  static const auto table = sines();
  std::array<std::uint32_t, 16> words;
  std::memcpy(words.data(), block, block_size);
  auto [a, b, c, d] = state;
  for (std::size_t i = 0; i < block_size; ++i) {
    const std::size_t round = i / 16;
    const std::uint32_t mixed = round == 0   ? (b & c) | (~b & d)
                                : round == 1 ? (d & b) | (~d & c)
                                : round == 2 ? b ^ c ^ d
                                             : c ^ (b | ~d);
    const std::size_t word = (round == 0 ? i : round == 1 ? 5 * i + 1 : round == 2 ? 3 * i + 5 : 7 * i) % 16;
    const std::uint32_t turned = b + std::rotl(a + mixed + table[i] + words[word], shifts[round][i % 4]);
    a = d;
    d = c;
    c = b;
    b = turned;
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d};
}

}  // namespace

std::string md5(std::span<const std::byte> bytes) {
  State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  const std::uint64_t bits = std::uint64_t{8} * bytes.size();
  for (; bytes.size() >= block_size; bytes = bytes.subspan(block_size)) add_block(state, bytes.data());
  std::array<std::byte, 2 * block_size> last{};
  if (!bytes.empty()) std::memcpy(last.data(), bytes.data(), bytes.size());
  last[bytes.size()] = std::byte{0x80};
  const std::size_t size = bytes.size() + 1 + length_size <= block_size ? block_size : 2 * block_size;
  std::memcpy(last.data() + size - length_size, &bits, length_size);
  for (std::size_t at = 0; at < size; at += block_size) add_block(state, last.data() + at);

  std::string text;
  for (const std::uint32_t word : state)
    for (int shift = 0; shift < 32; shift += 8)
      for (const int half : {shift + 4, shift}) text += "0123456789abcdef"[word >> half & 15];
  return text;
}

}  // namespace maml
