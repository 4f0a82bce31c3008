#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "maml/base/rng.h"
#include "maml/base/shape.h"
#include "maml/diff/task.h"
#include "maml/tasks/columns.h"

namespace maml {

/// Names the tasks to draw: tasks first .. first + group - 1 of an iteration, a function of these numbers alone.
struct Draw {
  std::uint64_t seed = 0;
  Purpose purpose = Purpose::train_task;
  std::uint32_t iteration = 0;
  std::uint32_t first = 0;
};

/// Rows of a task's batches.
struct TaskRows {
  std::size_t support = 0, query = 0;
};

/// A group of tasks that can be drawn again and again, without allocation. It outlives its domain if need be, but not
/// what the domain borrows.
template <class T> class TaskGroup : public Task<T> {
public:
  virtual void draw(const Draw&) = 0;
  /// To be called ahead of a `draw` that is to come: what lies on disk is on its way into memory meanwhile.
  virtual void prefetch(const Draw&) {}
  /// Names of the classes of the draw's first task, by their labels; none where classes have no names.
  virtual std::vector<std::string> class_names(const Draw&) { return {}; }
  /// Of the draw at hand, where tasks differ in their numbers of rows; zeros: all draws are alike.
  virtual TaskRows drawn_rows() const { return {}; }
  /// Memory taken on construction, 0 where a group does not say.
  virtual std::size_t bytes() const { return 0; }
};

/// What a task consists of. For regression `shots` are support points; for classification, examples of a class.
struct EpisodeOptions {
  std::size_t ways = 1;
  std::size_t shots = 10;
  std::size_t query_shots = 10;
  /// Rows of an inner mini-batch (Reptile), 0: the whole support set at every step.
  std::size_t inner_batch = 0;
  int inner_steps = 1;
  /// Query batches begin with the support rows (batch norm in mode `support`).
  bool couple_query = false;
};

/// A source of tasks. Immutable; may be used by many threads at once.
class Domain {
public:
  virtual ~Domain() = default;
  virtual Shape input() const = 0;
  /// Values (or one class number) the loss compares a row with.
  virtual std::size_t targets() const = 0;
  /// Whether all tasks have as many rows as any other. A group is of one task where they have not.
  virtual bool tasks_are_alike() const { return true; }
  /// Classes that training tasks draw their ways from, 0 for regression.
  virtual std::size_t classes() const { return 0; }
  /// How pictures were made inputs, as their pack says (PackIndex::preparation); empty for other inputs.
  virtual std::string preparation() const { return {}; }
  /// What a table's columns are to the tasks; empty for what is no table.
  virtual Columns columns() const { return {}; }
  /// Terms of the data that bind what is learned from them; empty where there are none.
  virtual std::string licence() const { return {}; }
  /// Throws Error if tasks for that purpose cannot be drawn so: of too few classes or images say, or because data are
  /// damaged, all of which it reads. `draw` throws the same where a task meets it.
  virtual void check(Purpose, const EpisodeOptions&) const {}
  virtual std::unique_ptr<TaskGroup<float>> group_f32(std::size_t tasks, const EpisodeOptions&) const = 0;
  virtual std::unique_ptr<TaskGroup<double>> group_f64(std::size_t tasks, const EpisodeOptions&) const = 0;

  template <class T> std::unique_ptr<TaskGroup<T>> group(std::size_t tasks, const EpisodeOptions& options) const {
    if constexpr (sizeof(T) == sizeof(float))
      return group_f32(tasks, options);
    else
      return group_f64(tasks, options);
  }
};

}  // namespace maml
