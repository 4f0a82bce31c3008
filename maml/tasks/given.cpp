#include "maml/tasks/given.h"

#include <span>
#include <type_traits>
#include <utility>

#include "maml/base/error.h"
#include "maml/tasks/shots.h"

namespace maml {

namespace {

/// S: what the source gives; T: what the group is asked for.
template <class S, class T> class GivenGroup : public TaskGroup<T> {
public:
  GivenGroup(const Shape& input, GivenSource<S> source, const GivenOptions& given, std::size_t tasks,
             const EpisodeOptions& episode)
      : input_(input.size()), source_(std::move(source)), given_(given), tasks_(tasks), episode_(episode) {
    require(episode.inner_batch == 0, "inner.batch", "is ", episode.inner_batch,
            ", but given tasks are adapted on as a whole (set it to 0)");
    require(tasks == 1 || given.are_alike, "train.group", "is ", tasks,
            ", but these tasks differ in their numbers of rows (set it to 1)");
  }

  void draw(const Draw& draw) override {
    task_ = source_(draw);
    shots_ = task_.support_rows;
    if (given_.counts_classes) {
      count_rows_by_class(std::span<const S>(task_.support_y, task_.support_rows), rows_by_class_);
      shots_ = shots_of(rows_by_class_);
    }
    stride_ = 0;
    support_w_stride_ = query_w_stride_ = 0;
    if (tasks_ > 1) {
      Draw next = draw;
      ++next.first;
      const auto second = source_(next);
      support_x_stride_ = second.support_x - task_.support_x;
      support_y_stride_ = second.support_y - task_.support_y;
      query_x_stride_ = second.query_x - task_.query_x;
      query_y_stride_ = second.query_y - task_.query_y;
      if (task_.support_weight) support_w_stride_ = second.support_weight - task_.support_weight;
      if (task_.query_weight) query_w_stride_ = second.query_weight - task_.query_weight;
    }
    if (!copies()) return;
    stride_ = task_.support_rows + task_.query_rows;
    x_.resize(tasks_ * stride_ * input_);
    y_.resize(tasks_ * stride_ * given_.targets);
    w_.assign(is_weighted() ? tasks_ * stride_ : 0, T(1));
    for (std::size_t i = 0; i < tasks_; ++i) {
      const auto at = static_cast<std::ptrdiff_t>(i);
      T* x = append(task_.support_x + at * support_x_stride_, task_.support_rows * input_, &x_[i * stride_ * input_]);
      append(task_.query_x + at * query_x_stride_, task_.query_rows * input_, x);
      T* y = append(task_.support_y + at * support_y_stride_, task_.support_rows * given_.targets,
                    &y_[i * stride_ * given_.targets]);
      append(task_.query_y + at * query_y_stride_, task_.query_rows * given_.targets, y);
      if (task_.support_weight)
        append(task_.support_weight + at * support_w_stride_, task_.support_rows, &w_[i * stride_]);
      if (task_.query_weight)
        append(task_.query_weight + at * query_w_stride_, task_.query_rows, &w_[i * stride_ + task_.support_rows]);
    }
  }

  TaskRows drawn_rows() const override {
    return {task_.support_rows, task_.query_rows + (episode_.couple_query ? task_.support_rows : 0)};
  }

  Batch<T> support(int, Point<T>) override {
    if (copies()) return copied(0, task_.support_rows, 0);
    return weighted(direct(task_.support_x, support_x_stride_, task_.support_y, support_y_stride_, task_.support_rows),
                    task_.support_weight, support_w_stride_);
  }

  Batch<T> query(Point<T>) override {
    if (episode_.couple_query) return copied(0, stride_, task_.support_rows);
    if (copies()) return copied(task_.support_rows, task_.query_rows, 0);
    return weighted(direct(task_.query_x, query_x_stride_, task_.query_y, query_y_stride_, task_.query_rows),
                    task_.query_weight, query_w_stride_);
  }

private:
  static constexpr bool is_same = std::is_same_v<S, T>;
  bool copies() const { return !is_same || episode_.couple_query; }
  bool is_weighted() const { return task_.support_weight || task_.query_weight; }

  static T* append(const S* from, std::size_t count, T* to) {
    for (std::size_t i = 0; i < count; ++i) *to++ = static_cast<T>(from[i]);
    return to;
  }

  Batch<T> batch(std::size_t rows, std::size_t unjudged) const {
    Batch<T> result;
    result.tasks = tasks_;
    result.rows = rows;
    result.support_rows = unjudged;
    result.shots = shots_;
    return result;
  }
  Batch<T> copied(std::size_t first, std::size_t rows, std::size_t unjudged) const {
    Batch<T> result = batch(rows, unjudged);
    result.x = x_.data() + first * input_;
    result.x_stride = static_cast<std::ptrdiff_t>(stride_ * input_);
    result.y = y_.data() + first * given_.targets;
    result.y_stride = static_cast<std::ptrdiff_t>(stride_ * given_.targets);
    if (is_weighted()) {
      result.weight = w_.data() + first;
      result.weight_stride = static_cast<std::ptrdiff_t>(stride_);
    }
    return result;
  }
  static Batch<T> weighted(Batch<T> batch, const S* weight, std::ptrdiff_t stride) {
    if constexpr (is_same) {
      batch.weight = weight;
      batch.weight_stride = stride;
    }
    return batch;
  }
  Batch<T> direct(const S* x, std::ptrdiff_t x_stride, const S* y, std::ptrdiff_t y_stride, std::size_t rows) const {
    Batch<T> result = batch(rows, 0);
    if constexpr (is_same) {
      result.x = x;
      result.x_stride = x_stride;
      result.y = y;
      result.y_stride = y_stride;
    }
    return result;
  }

  const std::size_t input_;
  const GivenSource<S> source_;
  const GivenOptions given_;
  const std::size_t tasks_;
  const EpisodeOptions episode_;
  GivenTask<S> task_;
  std::size_t shots_ = 1;
  std::vector<std::size_t> rows_by_class_;
  std::ptrdiff_t support_x_stride_ = 0, support_y_stride_ = 0, query_x_stride_ = 0, query_y_stride_ = 0,
                 support_w_stride_ = 0, query_w_stride_ = 0;
  std::size_t stride_ = 0;  // rows of a task, where they are copied
  std::vector<T> x_, y_, w_;
};

template <class S> class Given : public Domain {
public:
  Given(Shape input, GivenSource<S> source, const GivenOptions& options)
      : input_(std::move(input)), source_(std::move(source)), options_(options) {}
  Shape input() const override { return input_; }
  std::size_t targets() const override { return options_.targets; }
  bool tasks_are_alike() const override { return options_.are_alike; }
  std::unique_ptr<TaskGroup<float>> group_f32(std::size_t tasks, const EpisodeOptions& episode) const override {
    return std::make_unique<GivenGroup<S, float>>(input_, source_, options_, tasks, episode);
  }
  std::unique_ptr<TaskGroup<double>> group_f64(std::size_t tasks, const EpisodeOptions& episode) const override {
    return std::make_unique<GivenGroup<S, double>>(input_, source_, options_, tasks, episode);
  }

private:
  const Shape input_;
  const GivenSource<S> source_;
  const GivenOptions options_;
};

}  // namespace

template <class T> std::unique_ptr<Domain> make_given(Shape input, GivenSource<T> source, const GivenOptions& options) {
  return std::make_unique<Given<T>>(std::move(input), std::move(source), options);
}

template std::unique_ptr<Domain> make_given(Shape, GivenSource<float>, const GivenOptions&);
template std::unique_ptr<Domain> make_given(Shape, GivenSource<double>, const GivenOptions&);

}  // namespace maml
