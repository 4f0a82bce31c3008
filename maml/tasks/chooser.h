#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "maml/base/rng.h"
#include "maml/io/image_pack_index.h"

namespace maml {

/// The split that tasks of a purpose come from.
inline Split split_for(Purpose purpose) {
  if (purpose == Purpose::validation_task) return Split::validation;
  return purpose == Purpose::test_task ? Split::test : Split::train;
}

/// Draws distinct numbers; what it needs for that it keeps.
class Chooser {
public:
  Chooser(std::size_t largest, std::size_t most) : order_(largest), swapped_(most) {
    std::iota(order_.begin(), order_.end(), 0u);
  }

  /// The first so many of a shuffle of 0 .. n - 1.
  void choose(Rng& rng, std::uint32_t n, std::span<std::uint32_t> chosen) {
    for (std::uint32_t i = 0; i < chosen.size(); ++i) {
      swapped_[i] = i + rng.below(n - i);
      std::swap(order_[i], order_[swapped_[i]]);
      chosen[i] = order_[i];
    }
    for (std::size_t i = chosen.size(); i-- > 0;) std::swap(order_[i], order_[swapped_[i]]);
  }

private:
  std::vector<std::uint32_t> order_, swapped_;  // order_ is 0, 1, .. between the calls
};

}  // namespace maml
