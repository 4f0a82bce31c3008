#include "maml/train/tree_sum.h"

#include <algorithm>
#include <cassert>

#include "maml/kernels/vector.h"

namespace maml {

namespace {

std::size_t padded(std::size_t width) {
  return (width + 15) / 16 * 16;
}

std::size_t levels(std::size_t leaves) {
  std::size_t count = 0;
  for (; leaves > 1; leaves = (leaves + 1) / 2) ++count;
  return count;
}

/// The most rows in use at a time. On each level, parts that wait stand beside a leaf that is still out: beside either
/// end of a range in hand, or beside the leaves not yet begun.
std::size_t rows_needed(std::size_t leaves, int threads, std::size_t range) {
  const auto hands = static_cast<std::size_t>(threads);
  const std::size_t waiting = levels(leaves) * ((range > 1 ? 2 : 1) * hands + 1);
  return std::min(leaves, waiting + hands);
}

}  // namespace

template <class T>
std::size_t TreeSum<T>::bytes(std::size_t leaves, std::size_t width, int threads, std::size_t range) {
  return rows_needed(leaves, threads, range) * padded(width) * sizeof(T);
}

template <class T>
TreeSum<T>::TreeSum(std::size_t leaves, std::size_t width, int threads, std::size_t range)
    : leaves_(leaves), width_(width), memory_(rows_needed(leaves, threads, range) * padded(width)) {
  assert(leaves >= 1 && threads >= 1 && range >= 1);
  std::size_t pairs = 0;
  for (std::size_t count = leaves; count > 1; count = (count + 1) / 2) {
    level_offset_.push_back(pairs);
    pairs += count / 2;
  }
  waiting_ = std::vector<std::atomic<T*>>(pairs);
  free_.reserve(rows_needed(leaves, threads, range));
  reset();
}

template <class T> void TreeSum<T>::reset() {
  root_ = nullptr;
  for (auto& place : waiting_) place.store(nullptr, std::memory_order_relaxed);
  free_.clear();
  for (std::size_t at = memory_.size(); at > 0; at -= padded(width_))
    free_.push_back(memory_.data() + at - padded(width_));
}

template <class T> T* TreeSum<T>::row() {
  const std::lock_guard lock(free_mutex_);
  if (root_) {
    free_.push_back(root_);
    root_ = nullptr;
  }
  assert(!free_.empty());
  T* row = free_.back();
  free_.pop_back();
  return row;
}

template <class T> void TreeSum<T>::add(std::size_t first, std::size_t count, std::span<const Columns> columns) {
  const std::size_t last = first + count;
  // On each level, the nodes of which all leaves are here; a node's sum stands in the row of its first leaf.
  for (std::size_t level = 0, nodes = leaves_;; ++level, nodes = (nodes + 1) / 2) {
    const std::size_t leaves = std::size_t{1} << level;
    std::size_t begin = (first + leaves - 1) / leaves, end = last == leaves_ ? nodes : last / leaves;
    const auto at = [&](const Columns& part, std::size_t node) {
      return part.rows + (node * leaves - first) * part.width;
    };
    const auto leave = [&](std::size_t node) {
      T* const whole = row();
      T* next = whole;
      for (const auto& part : columns) next = std::copy_n(at(part, node), part.width, next);
      hand_in(level, nodes, node, whole);
    };
    const bool is_root = nodes == 1;
    if (begin < end && begin % 2 == 1) leave(begin++);
    if (begin < end && end % 2 == 1 && (end < nodes || is_root)) leave(--end);
    if (begin >= end) return;
    for (std::size_t node = begin; node + 1 < end; node += 2)
      for (const auto& part : columns) maml::add(part.width, at(part, node), at(part, node + 1), at(part, node));
  }
}

/// From node `index` of the `count` of that level on, upwards.
template <class T> void TreeSum<T>::hand_in(std::size_t level, std::size_t count, std::size_t index, T* row) {
  for (; count > 1; ++level, count = (count + 1) / 2, index /= 2) {
    const bool is_alone = index + 1 == count && index % 2 == 0;
    if (is_alone) continue;
    auto& place = waiting_[level_offset_[level] + index / 2];
    T* other = place.exchange(row, std::memory_order_acq_rel);
    if (!other) return;
    place.store(nullptr, std::memory_order_relaxed);
    T* const left = index % 2 == 0 ? row : other;
    T* const right = index % 2 == 0 ? other : row;
    maml::add(width_, left, right, left);
    row = left;
    const std::lock_guard lock(free_mutex_);
    free_.push_back(right);
  }
  root_ = row;
}

template class TreeSum<float>;
template class TreeSum<double>;

}  // namespace maml
