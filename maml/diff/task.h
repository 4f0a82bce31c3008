#pragma once

#include "maml/diff/objective.h"

namespace maml {

/// What a group of tasks adapts on and is judged by. The data of a batch stay valid and unchanged until the task is
/// drawn anew, whatever else is asked meanwhile.
template <class T> class Task {
public:
  virtual ~Task() = default;

  /// Support data of inner step k, which may depend on where the tasks stand. Asked once for each k = 0, 1, .. in
  /// order; adaptations keep the answer and never ask again when they recompute.
  virtual Batch<T> support(int k, Point<T> theta_k) = 0;

  /// Query data at theta_k, k = theta_k.step. May be asked any number of times and for any k, in any order (step
  /// weights are met on the way back); the answer for one k is the same until the task is drawn anew. For supervised
  /// tasks it does not depend on the point at all.
  virtual Batch<T> query(Point<T> theta_k) = 0;
};

}  // namespace maml
