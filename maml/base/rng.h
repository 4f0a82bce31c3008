#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace maml {

/// Philox4x32-10 (Salmon et al., SC 2011): 128 random bits as a pure function of counter and key.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// What a stream of random numbers is for; streams of different purposes never meet.
enum class Purpose : std::uint32_t {
  initial_parameters = 1,
  train_task,
  validation_task,
  test_task,
  check,
  data_split,
};

/// The stream of random numbers that belongs to (seed, purpose, iteration, task, part), and to nothing else: it does
/// not depend on threads, order of calls elsewhere, prefetching or resuming. A stream is 2^34 words long.
class Rng {
public:
  /// part: for what a task draws apart from the rest (the rollouts of an inner step, say); below 2^24.
  Rng(std::uint64_t seed, Purpose purpose, std::uint32_t iteration = 0, std::uint32_t task = 0, std::uint32_t part = 0);

  /// The next 32 random bits.
  std::uint32_t next() {
    if (used_ == 4) refill();
    return block_[used_++];
  }
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform in [0, 1), 32 bits: half the price, for data.
  double coarse_uniform() { return next() * 0x1p-32; }
  double coarse_uniform(double low, double high) { return low + (high - low) * coarse_uniform(); }
  /// Standard normal (Box-Muller).
  double normal();
  /// Normal of standard deviation 1 drawn again while outside [-2, 2] (TensorFlow's truncated_normal).
  double truncated_normal();
  /// Uniform whole number in [0, n), n > 0, without bias.
  std::uint32_t below(std::uint32_t n);
  /// Puts the items into a random order, every order as likely.
  void shuffle(std::span<std::uint32_t> items);
  /// The numbers 0 .. n-1 in random order.
  std::vector<std::uint32_t> permutation(std::uint32_t n);

private:
  void refill();

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  unsigned used_ = 4;
  double spare_normal_ = 0;
  bool has_spare_ = false;
};

}  // namespace maml
