#pragma once

#include <cstddef>
#include <cstdint>

// The file that `maml export --format embed` writes and that maml_adapt, the small library of embed/, reads
// (docs/embedding.md). Little endian. A header, then the parts in the order of FileParts, each at the next multiple of
// part_alignment, zeros between. This header is compiled into both libraries and needs nothing else.

namespace maml::embed {

constexpr char magic[8] = {'M', 'A', 'M', 'L', 'A', 'D', 'P', 'T'};
constexpr std::uint32_t version = 1;
constexpr std::size_t part_alignment = 64;

/// Bounds of what a file may ask for, beside that of its own size.
constexpr std::uint32_t most_layers = 200, most_slices = 800, most_kernel = 255, most_extent = 8192;
constexpr std::uint32_t most_elements = 1u << 26;  ///< of a row, and of all parameters
constexpr std::uint32_t most_steps = 1u << 20, most_rows = 1u << 20;

enum class Loss : std::uint32_t { mse, cross_entropy };
enum class Normalisation : std::uint32_t { mean, sum_over_shots };
/// Whose rows give batch norm its statistics, in all layers alike.
enum class Statistics : std::uint32_t { none, transductive, support, running };
/// What has a rate of its own, at each step that has rates: a slice, or each parameter. Of what is not adapted it is 0.
enum class Sharing : std::uint32_t { slice, element };

struct FileHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t header_bytes;
  std::uint64_t file_bytes;
  std::uint64_t checksum;  ///< XXH64, seed 0, of all that follows it

  std::uint32_t height, width, channels;  ///< of the model's input; of a vector 1, 1, n
  std::uint32_t outputs;
  Loss loss;
  Normalisation normalisation;
  Statistics statistics;
  std::uint32_t layers;
  std::uint32_t frozen;  ///< so many layers in front are the same at every step, and computed once
  std::uint32_t slices;
  std::uint32_t parameters;
  std::uint32_t state;
  std::uint32_t rate_sets;  ///< steps that have rates of their own, later ones have the last's; 0 in an adapted model
  Sharing sharing;
  std::uint32_t steps;         ///< of training; of an adapted model, those that it has gone
  std::uint32_t is_adapted;    ///< 0 or 1
  std::uint32_t classes;       ///< of an adapted classifier's support set; else 0
  std::uint32_t support_rows;  ///< kept with an adapted model whose predictions read them; else 0
  std::uint32_t text_bytes;    ///< terms of the data that it learned from, closed by a 0; 0: there are none
  std::uint32_t reserved;
};
static_assert(sizeof(FileHeader) == 112);

constexpr std::size_t checksummed_from = 32;

enum class Kind : std::uint32_t { linear, conv2d, batch_norm, rectifier, max_pool, average_pool };

/// A layer, or several that are one pass: a batch norm with the rectifier and the pooling behind it.
struct LayerRecord {
  Kind kind;
  std::uint32_t has_weight;               ///< batch_norm
  std::uint32_t has_bias;                 ///< linear, conv2d
  std::uint32_t height, width, channels;  ///< of its input; of a vector 1, 1, n
  std::uint32_t outputs;                  ///< of linear; channels of conv2d
  std::uint32_t kernel, stride, is_same;  ///< conv2d; stride of the poolings too
  std::uint32_t rows, columns;            ///< of a pooling's window
  std::uint32_t window;                   ///< of the pooling that a batch_norm takes in: 2, or 1 for none
  std::uint32_t sets;                     ///< of batch_norm's parameters and running statistics, one an inner step
  std::uint32_t has_state;                ///< batch_norm
  std::uint32_t chunk_rows;               ///< batch_norm: LayerInfo::chunk_rows
  double slope;                           ///< of a rectifier; of batch_norm's, 1 for none
  double epsilon;                         ///< batch_norm
};
static_assert(sizeof(LayerRecord) == 80);

/// Where the parts of a file begin, in its bytes.
struct FileParts {
  std::uint64_t layers;      ///< LayerRecord
  std::uint64_t slices;      ///< std::uint32_t, their sizes
  std::uint64_t parameters;  ///< float
  std::uint64_t state;       ///< float
  std::uint64_t rates;       ///< float, rate_sets times slices or parameters
  std::uint64_t support;     ///< float, support_rows times inputs
  std::uint64_t text;
  std::uint64_t end;  ///< the size of the file

  explicit FileParts(const FileHeader& h) {
    std::uint64_t at = sizeof(FileHeader);
    const auto part = [&at](std::uint64_t count, std::uint64_t size) {
      const std::uint64_t begin = (at + part_alignment - 1) / part_alignment * part_alignment;
      at = begin + count * size;
      return begin;
    };
    const std::uint64_t a_set = h.sharing == Sharing::slice ? h.slices : h.parameters;
    layers = part(h.layers, sizeof(LayerRecord));
    slices = part(h.slices, 4);
    parameters = part(h.parameters, 4);
    state = part(h.state, 4);
    rates = part(h.rate_sets, 4 * a_set);
    support = part(h.support_rows, std::uint64_t{4} * h.height * h.width * h.channels);
    text = part(h.text_bytes, 1);
    end = at;
  }
};

namespace detail {

constexpr std::uint64_t prime[5] = {0x9E3779B185EBCA87u, 0xC2B2AE3D27D4EB4Fu, 0x165667B19E3779F9u, 0x85EBCA77C2B2AE63u,
                                    0x27D4EB2F165667C5u};

inline std::uint64_t turned(std::uint64_t x, int bits) {
  return (x << bits) | (x >> (64 - bits));
}
inline std::uint64_t read(const unsigned char* p, int bytes) {
  std::uint64_t x = 0;
  for (int i = 0; i < bytes; ++i) x |= std::uint64_t{p[i]} << (8 * i);
  return x;
}
inline std::uint64_t xxh64_round(std::uint64_t sum, std::uint64_t input) {
  return turned(sum + input * prime[1], 31) * prime[0];
}

}  // namespace detail

/// XXH64 (Collet 2012) with seed 0.
inline std::uint64_t xxh64(const void* data, std::size_t size) {
  using namespace detail;
  const auto* p = static_cast<const unsigned char*>(data);
  const unsigned char* const end = p + size;
  std::uint64_t hash = prime[4];
  if (size >= 32) {
    std::uint64_t sum[4] = {prime[0] + prime[1], prime[1], 0, 0 - prime[0]};
    for (; end - p >= 32; p += 32)
      for (int i = 0; i < 4; ++i) sum[i] = xxh64_round(sum[i], read(p + 8 * i, 8));
    hash = turned(sum[0], 1) + turned(sum[1], 7) + turned(sum[2], 12) + turned(sum[3], 18);
    for (const std::uint64_t s : sum) hash = (hash ^ xxh64_round(0, s)) * prime[0] + prime[3];
  }
  hash += size;
  for (; end - p >= 8; p += 8) hash = turned(hash ^ xxh64_round(0, read(p, 8)), 27) * prime[0] + prime[3];
  for (; end - p >= 4; p += 4) hash = turned(hash ^ (read(p, 4) * prime[0]), 23) * prime[1] + prime[2];
  for (; p < end; ++p) hash = turned(hash ^ (*p * prime[4]), 11) * prime[0];
  hash = (hash ^ (hash >> 33)) * prime[1];
  hash = (hash ^ (hash >> 29)) * prime[2];
  return hash ^ (hash >> 32);
}

}  // namespace maml::embed
