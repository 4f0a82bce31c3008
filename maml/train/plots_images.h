#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "maml/io/picture_board.h"
#include "maml/train/predictions.h"
#include "maml/train/protocol_tasks.h"

namespace maml {

/// One task of a protocol with what the adapted model says of its query images. Row s * ways + w of support and query
/// is an image of class w.
struct JudgedTask {
  std::size_t number = 0;  ///< among the protocol's tasks
  std::size_t ways = 0;
  std::vector<std::string> classes;  ///< names, by label
  std::vector<BoardPicture> support, query;
  std::vector<std::size_t> predicted;  ///< of each query row; from `ways` on: no class of the task, or not a number
  std::vector<double> confidence;      ///< the predicted class's probability

  bool is_right(std::size_t row) const { return predicted[row] == row % ways; }
  std::size_t right() const;
};

/// Adapts to tasks of a protocol (images of 1 or 3 channels, a model that tells classes apart) and judges them after
/// the protocol's last step.
class TaskJudge {
public:
  /// Borrows experiment and weights; the protocol is completed.
  TaskJudge(const Experiment&, const Weights&, const Protocol&);
  const Protocol& protocol() const { return tasks_.protocol(); }
  JudgedTask operator()(std::size_t number);

private:
  const ProtocolTasks tasks_;
  ProtocolTasks::Hand hand_;
  const std::unique_ptr<TaskGroup<float>> plain_;
  Predictions predictions_;
  const Shape image_;
  const std::size_t outputs_;
};

/// The first `count` tasks of the protocol. If all their queries are right (or all wrong), the last of them makes way
/// for the first task that shows the other kind, where there is one.
std::vector<JudgedTask> tasks_to_show(TaskJudge&, std::size_t count);

/// Test tasks of the protocol `own` after the trained inner steps: classes in rows, support images, then query images,
/// framed in green where the prediction is right, in vermilion where it is wrong. As many tasks as make a page; at most
/// 20 classes of each, and 8 images of a class of either kind. None where the tasks are not images of 1 or 3 channels
/// in classes.
std::optional<PictureBoard> gallery_board(const LoadedModel&);

/// The weights of the first layer that has products, before adaptation: a picture for each filter or unit that reads
/// the input image, 64 at most. None where that layer does not read an image of 1 or 3 channels.
std::optional<PictureBoard> filters_board(const LoadedModel&);

}  // namespace maml
