#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <span>
#include <vector>

#include "maml/base/aligned.h"

namespace maml {

/// Sums rows (leaves) by the binary tree over their index: neighbours 2i and 2i + 1 are added first, then their sums,
/// and so on; who has no neighbour moves up alone. Many threads hand rows in, in any order; each sum is taken as soon
/// as both its parts are there, always left + right, so the result does not depend on who came when. Holds about
/// log2(leaves) rows a thread, and allocates nothing after construction.
template <class T> class TreeSum {
public:
  /// Consecutive leaves' share of so many columns: a row of `width` values each.
  struct Columns {
    T* rows;
    std::size_t width;
  };

  /// In hand at a time: at most `threads` ranges of `range` consecutive leaves.
  TreeSum(std::size_t leaves, std::size_t width, int threads, std::size_t range);

  /// Hands `count` leaves in, from `first` on, each leaf once a sum. Their columns side by side are a leaf's row. What
  /// can be summed of them alone is summed where it stands, so that threads meet over the few sums that are left.
  void add(std::size_t first, std::size_t count, std::span<const Columns> columns);
  /// The sum, when all leaves are in; valid until the next `add`, which begins anew.
  const T* sum() const { return root_; }
  /// Forgets all rows: after an error.
  void reset();

  std::size_t bytes() const { return memory_.size() * sizeof(T); }
  /// What `bytes` would be.
  static std::size_t bytes(std::size_t leaves, std::size_t width, int threads, std::size_t range);

private:
  T* row();
  void hand_in(std::size_t level, std::size_t count, std::size_t index, T* row);

  const std::size_t leaves_, width_;
  AlignedArray<T> memory_;
  std::vector<std::atomic<T*>> waiting_;   // of each pair, the part that came first
  std::vector<std::size_t> level_offset_;  // of each level's pairs in waiting_
  std::mutex free_mutex_;
  std::vector<T*> free_;
  T* root_ = nullptr;
};

/// The sum of values by the same tree.
template <class T> double tree_sum(const T* values, std::size_t n) {
  if (n <= 1) return n == 0 ? 0 : static_cast<double>(values[0]);
  std::size_t half = 1;
  while (2 * half < n) half *= 2;
  return tree_sum(values, half) + tree_sum(values + half, n - half);
}

}  // namespace maml
