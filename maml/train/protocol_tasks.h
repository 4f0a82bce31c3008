#pragma once

#include <functional>
#include <memory>

#include "maml/train/evaluation.h"
#include "maml/train/inner_loop.h"

namespace maml {

/// With sizes filled in, and statistics where the model has any. Throws Error for values out of range.
Protocol completed(const Protocol&, const Experiment&);

/// The tasks that a protocol names, and the adaptation to them: what every evaluation of a model is made of.
/// Experiment and weights are borrowed.
class ProtocolTasks {
public:
  /// protocol: completed.
  ProtocolTasks(const Experiment&, const Weights&, const Protocol&);

  /// What one worker adapts with.
  struct Hand {
    std::unique_ptr<TaskGroup<float>> task;
    std::unique_ptr<Adaptation<float>> adaptation;
    AdaptationOptions options = {};  ///< of the adaptation
    bool fixed_support = false;
  };
  /// whole: theta of the adaptation has all parameters, a frozen front's too. tick: of the adaptation. Throws
  /// BudgetError where the budget, less the task's own memory, is too small.
  Hand hand(std::size_t budget, bool whole = false, std::function<void()> tick = {}) const;

  /// For looking at the same tasks: support batches are the whole support set, query batches the query rows alone.
  std::unique_ptr<TaskGroup<float>> plain_task() const;

  const Protocol& protocol() const { return protocol_; }
  Mode mode() const { return mode_; }
  Draw draw(std::size_t number) const;
  /// Draws that task and adapts to it; takes a larger adaptation first where the task has more rows than any before.
  void adapt(Hand&, std::size_t number) const;

private:
  const Experiment& experiment_;
  const Weights& weights_;
  const Protocol protocol_;
  const Mode mode_;
  const EpisodeOptions episode_;
  const EpisodeShape shape_;
  const InnerLoop<float> loop_;
  std::vector<float> rates_;
};

}  // namespace maml
