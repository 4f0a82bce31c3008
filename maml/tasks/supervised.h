#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "maml/base/aligned.h"
#include "maml/base/error.h"
#include "maml/tasks/domain.h"

namespace maml {

/// A group of tasks of fixed support and query data; a domain writes `fill`. All memory is taken on construction.
///
/// A task's rows lie together, support before query: a coupled query batch is the whole, any other its tail. With
/// `EpisodeOptions::inner_batch` the support set is shuffled anew for each pass through it, and step k of the first
/// `inner_steps` gets the next so many rows of that sequence; further steps begin again at the first batch. What `fill`
/// draws does not depend on mini-batches or coupling.
template <class T> class SupervisedGroup : public TaskGroup<T> {
public:
  /// inputs, targets: elements of a row's x and y.
  SupervisedGroup(std::size_t tasks, const EpisodeOptions& options, std::size_t inputs, std::size_t targets)
      : options_(options), tasks_(tasks), inputs_(inputs), targets_(targets),
        support_rows_(options.ways * options.shots), rows_(support_rows_ + options.ways * options.query_shots),
        batches_(options.inner_batch ? static_cast<std::size_t>(std::max(options.inner_steps, 1)) : 0),
        batch_rows_(batches_ * options.inner_batch), x_(tasks * rows_ * inputs), y_(tasks * rows_ * targets),
        batch_x_(tasks * batch_rows_ * inputs), batch_y_(tasks * batch_rows_ * targets),
        order_(batches_ ? support_rows_ : 0) {
    require(options.ways >= 1 && options.shots >= 1 && options.query_shots >= 1, "data",
            "ways, shots and query shots must be at least 1, but are ", options.ways, ", ", options.shots, " and ",
            options.query_shots);
  }

  void draw(const Draw& draw) final {
    for (std::size_t i = 0; i < tasks_; ++i) {
      Rng rng = stream(draw, i);
      T* x = x_.data() + i * rows_ * inputs_;
      T* y = y_.data() + i * rows_ * targets_;
      fill(rng, draw.purpose, x, y);
      if (batches_) copy_batches(rng, x, y, i * batch_rows_);
    }
  }

  Batch<T> support(int k, Point<T>) final {
    if (!batches_) return batch(x_.data(), y_.data(), 0, support_rows_, rows_);
    const std::size_t first = static_cast<std::size_t>(k) % batches_ * options_.inner_batch;
    return batch(batch_x_.data(), batch_y_.data(), first, options_.inner_batch, batch_rows_);
  }

  Batch<T> query(Point<T>) final {
    if (!options_.couple_query) return batch(x_.data(), y_.data(), support_rows_, rows_ - support_rows_, rows_);
    Batch<T> whole = batch(x_.data(), y_.data(), 0, rows_, rows_);
    whole.support_rows = support_rows_;
    return whole;
  }

  std::size_t bytes() const override {
    return sizeof(T) * (x_.size() + y_.size() + batch_x_.size() + batch_y_.size()) + sizeof order_[0] * order_.size();
  }

protected:
  /// Draws one task: `ways * shots` support rows, then `ways * query_shots` query rows, all of x and all of y.
  virtual void fill(Rng&, Purpose, T* x, T* y) = 0;

  /// What `fill` draws task i from.
  static Rng stream(const Draw& draw, std::size_t i) {
    return Rng(draw.seed, draw.purpose, draw.iteration, draw.first + static_cast<std::uint32_t>(i));
  }
  std::size_t tasks() const { return tasks_; }
  const EpisodeOptions& options() const { return options_; }
  std::size_t support_rows() const { return support_rows_; }
  /// Support and query rows of a task.
  std::size_t rows() const { return rows_; }

private:
  /// Rows [first, first + rows) of every task; a task takes up `stride` rows.
  Batch<T> batch(const T* x, const T* y, std::size_t first, std::size_t rows, std::size_t stride) const {
    Batch<T> result;
    result.tasks = tasks_;
    result.rows = rows;
    result.x = x + first * inputs_;
    result.x_stride = static_cast<std::ptrdiff_t>(stride * inputs_);
    result.y = y + first * targets_;
    result.y_stride = static_cast<std::ptrdiff_t>(stride * targets_);
    result.shots = options_.shots;
    return result;
  }

  void copy_batches(Rng& rng, const T* x, const T* y, std::size_t to) {
    std::iota(order_.begin(), order_.end(), 0u);
    for (std::size_t i = 0; i < batch_rows_; ++i, ++to) {
      if (i % support_rows_ == 0) rng.shuffle(order_);
      const std::size_t from = order_[i % support_rows_];
      std::copy_n(x + from * inputs_, inputs_, batch_x_.data() + to * inputs_);
      std::copy_n(y + from * targets_, targets_, batch_y_.data() + to * targets_);
    }
  }

  const EpisodeOptions options_;
  const std::size_t tasks_, inputs_, targets_;
  const std::size_t support_rows_, rows_;   // of a task
  const std::size_t batches_, batch_rows_;  // inner mini-batches of a task, and their rows together; 0: none
  AlignedArray<T> x_, y_, batch_x_, batch_y_;
  std::vector<std::uint32_t> order_;  // of the support rows, in the pass at hand
};

}  // namespace maml
