#pragma once

#include <cstddef>

#include "maml/base/error.h"

namespace maml {

/// Where a group of tasks stands: task i's parameters are theta + i * stride (stride 0: all tasks share them), reached
/// after `step` inner steps. `step` selects what a model keeps per step; beyond its last the last is used again.
template <class T> struct Point {
  const T* theta;
  std::ptrdiff_t stride;
  int step;
};

/// The rows (examples, or time steps) of a group of tasks. Task i's rows are at pointer + i * stride.
/// Views only: the data belong to whoever made the batch.
template <class T> struct Batch {
  std::size_t tasks = 1;
  std::size_t rows = 0;
  /// The first of the rows give batch statistics but are not judged (batch norm in mode `support`); 0 elsewhere.
  std::size_t support_rows = 0;
  /// Inputs, rows x input size.
  const T* x = nullptr;
  std::ptrdiff_t x_stride = 0;
  /// What the loss compares with, rows x targets: values, actions, or one class number (a whole number from 0).
  const T* y = nullptr;
  std::ptrdiff_t y_stride = 0;
  /// What each row's loss is multiplied by, one number a row, those of the support_rows too, which nobody reads; null:
  /// 1 everywhere. Advantages of a policy gradient, or what makes classes of unequal size count alike. What the sum
  /// over rows is divided by stays the judged rows or the shots, whatever weights add up to. Accuracy takes no account
  /// of weights; the loss mse throws Error for them.
  const T* weight = nullptr;
  std::ptrdiff_t weight_stride = 0;
  /// What `sum / shots` divides by: the support examples of one class (the original's K, for query losses too).
  std::size_t shots = 1;
};

/// Results of a gradient pass over a group of tasks; every array is overwritten, those that are null are left out (all
/// but g may be).
template <class T> struct GradientOut {
  T* losses = nullptr;   ///< one a task
  T* metrics = nullptr;  ///< one a task; see evaluate
  T* g = nullptr;        ///< gradients, one parameter vector a task
  std::ptrdiff_t g_stride = 0;
  /// Gradients by the inputs, rows x input size a task; asked for only behind a frozen front (FeatureMap) and by the
  /// checker. An objective without inputs in this sense may leave it alone.
  T* dx = nullptr;
  std::ptrdiff_t dx_stride = 0;
  /// `hvp` will not be asked for: the tape need only have `spent_tape_size` elements, and holds nothing afterwards.
  bool spends_tape = false;
  T* state_delta = nullptr;  ///< what the pass asks to add to the running statistics; **added**, not overwritten
  std::ptrdiff_t state_stride = 0;
};

/// A direction in parameter space, one a task. `active[i] == 0` promises that the part of parameter slice i (in the
/// order of the objective's own list of slices) is zero for every task, so that its work can be left out; null: all
/// parts count.
template <class T> struct Direction {
  const T* v;
  std::ptrdiff_t stride;
  const unsigned char* active = nullptr;
};

/// One scalar function a task, each of that task's flat parameter vector, once differentiable. Implementations are
/// stateless in their calls and may be used by many threads at once. Only first-order rows (fomaml, reptile) accept
/// one.
template <class T> class FirstOrderObjective {
public:
  virtual ~FirstOrderObjective() = default;

  /// Length of a parameter vector.
  virtual std::size_t parameters() const = 0;
  /// Length of the running statistics, 0 for most.
  virtual std::size_t state_size() const { return 0; }
  /// Elements of tape that one task needs for a batch of this many rows.
  virtual std::size_t tape_size(std::size_t rows) const = 0;
  /// The same where nothing is to be kept for `hvp`; at most tape_size.
  virtual std::size_t spent_tape_size(std::size_t rows) const { return tape_size(rows); }

  /// Losses, and the metric a person reads (accuracy, MSE; null: not wanted), one a task, without derivatives.
  /// tape: batch.tasks * spent_tape_size elements of scratch.
  virtual void evaluate(Point<T>, const Batch<T>&, T* tape, T* losses, T* metrics) const = 0;

  /// Losses and gradients. tape: batch.tasks * tape_size(rows) elements; holds afterwards what `hvp` reads (but see
  /// GradientOut::spends_tape).
  virtual void gradient(Point<T>, const Batch<T>&, T* tape, const GradientOut<T>&) const = 0;
};

/// A twice differentiable objective.
template <class T> class Objective : public FirstOrderObjective<T> {
public:
  /// hv = H v for every task, exact: the derivative along v of `gradient` at the same point and batch.
  /// tape: as `gradient` left it, read only. scratch: as much as the tape, overwritten.
  /// dx_dot (or null): the derivative along v of the gradient by the inputs (see GradientOut::dx).
  virtual void hvp(Point<T>, const Batch<T>&, const T* tape, const Direction<T>&, T* scratch, T* hv,
                   std::ptrdiff_t hv_stride, T* dx_dot, std::ptrdiff_t dx_dot_stride) const = 0;
};

/// The frozen front of a model: inputs to features. Where no front parameter is adapted, an adaptation computes
/// features once per task, works on the head's objective, and runs `backward` once.
template <class T> class FeatureMap {
public:
  virtual ~FeatureMap() = default;
  /// Length of its parameters, which come first in theta.
  virtual std::size_t parameters() const = 0;
  /// Length of one row's features.
  virtual std::size_t features() const = 0;
  virtual std::size_t tape_size(std::size_t rows) const = 0;
  /// Writes rows x features() a task to `out`. The tape holds afterwards what `backward` reads.
  virtual void forward(Point<T>, const Batch<T>&, T* tape, T* out, std::ptrdiff_t out_stride) const = 0;
  /// g (parameters() a task, overwritten) from the gradient by the features. Spends the tape: it holds nothing
  /// afterwards, and another `backward` takes another `forward`.
  virtual void backward(Point<T>, const Batch<T>&, T* tape, const T* dout, std::ptrdiff_t dout_stride, T* g,
                        std::ptrdiff_t g_stride) const = 0;
};

}  // namespace maml
