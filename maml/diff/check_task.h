#pragma once

#include <cstddef>
#include <vector>

#include "maml/diff/checker.h"
#include "maml/diff/task.h"

namespace maml {

/// A group of the fixed tasks of a CheckData, from `first` on, in any number type. The data are borrowed.
template <class T> class CheckTask : public Task<T> {
public:
  CheckTask(const CheckData& data, std::size_t first, std::size_t tasks)
      : data_(data), tasks_(tasks), x_(slice(data.x, first, data.inputs)), y_(slice(data.y, first, data.targets)),
        weight_(data.weight.empty() ? std::vector<T>() : slice(data.weight, first, 1)) {}

  Batch<T> support(int, Point<T>) override { return batch(0, data_.support_rows, 0); }
  Batch<T> query(Point<T>) override {
    if (data_.couple_query) return batch(0, data_.support_rows + data_.query_rows, data_.support_rows);
    return batch(data_.support_rows, data_.query_rows, 0);
  }

private:
  std::vector<T> slice(const std::vector<double>& from, std::size_t first, std::size_t width) const {
    const std::size_t task = (data_.support_rows + data_.query_rows) * width;
    const auto begin = from.begin() + static_cast<std::ptrdiff_t>(first * task);
    return std::vector<T>(begin, begin + static_cast<std::ptrdiff_t>(tasks_ * task));
  }
  Batch<T> batch(std::size_t begin, std::size_t rows, std::size_t support_rows) const {
    const std::size_t all = data_.support_rows + data_.query_rows;
    Batch<T> batch;
    batch.tasks = tasks_;
    batch.rows = rows;
    batch.support_rows = support_rows;
    batch.x = x_.data() + begin * data_.inputs;
    batch.x_stride = static_cast<std::ptrdiff_t>(all * data_.inputs);
    batch.y = y_.data() + begin * data_.targets;
    batch.y_stride = static_cast<std::ptrdiff_t>(all * data_.targets);
    if (!weight_.empty()) {
      batch.weight = weight_.data() + begin;
      batch.weight_stride = static_cast<std::ptrdiff_t>(all);
    }
    batch.shots = data_.shots;
    return batch;
  }
  const CheckData& data_;
  const std::size_t tasks_;
  const std::vector<T> x_, y_, weight_;
};

}  // namespace maml
