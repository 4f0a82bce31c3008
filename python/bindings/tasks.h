#pragma once

#include <memory>
#include <span>
#include <vector>

#include "bindings/any_model.h"
#include "bindings/arrays.h"
#include "maml/nn/loss.h"
#include "maml/tasks/given.h"
#include "maml/tasks/shots.h"

namespace maml::python {

/// Arrays of tasks: keeps them alive, views them as the engine's.
template <class T> struct Tasks {
  /// One entry a task: support.x, support.y, query.x, query.y, all rows x ..; then perhaps weights of the rows,
  /// support.weight, query.weight.
  std::vector<std::vector<In<T>>> arrays;

  std::size_t count() const { return arrays.size(); }

  GivenTask<T> view(std::size_t i) const {
    const auto& of = arrays[i];
    GivenTask<T> task;
    task.support_x = of[0].data();
    task.support_y = of[1].data();
    task.query_x = of[2].data();
    task.query_y = of[3].data();
    task.support_rows = of[0].shape(0);
    task.query_rows = of[2].shape(0);
    if (of.size() > 4) {
      task.support_weight = of[4].data();
      task.query_weight = of[5].data();
    }
    return task;
  }

  /// Whether they can be one group: as many rows each, at equal distances, and, counting classes, as many shots.
  bool are_alike(bool counts_classes) const {
    if (count() < 2) return true;
    const auto first = view(0), second = view(1);
    const std::size_t shots = counts_classes ? shots_of(first) : 0;
    for (std::size_t i = 1; i < count(); ++i) {
      const auto a = view(i - 1), b = view(i);
      if (b.support_rows != first.support_rows || b.query_rows != first.query_rows ||
          b.support_x - a.support_x != second.support_x - first.support_x ||
          b.support_y - a.support_y != second.support_y - first.support_y ||
          b.query_x - a.query_x != second.query_x - first.query_x ||
          b.query_y - a.query_y != second.query_y - first.query_y ||
          (first.support_weight &&
           (b.support_weight - a.support_weight != second.support_weight - first.support_weight ||
            b.query_weight - a.query_weight != second.query_weight - first.query_weight)) ||
          (counts_classes && shots_of(b) != shots))
        return false;
    }
    return true;
  }

private:
  static std::size_t shots_of(const GivenTask<T>& task) {
    std::vector<std::size_t> rows_by_class;
    count_rows_by_class(std::span(task.support_y, task.support_rows), rows_by_class);
    return maml::shots_of(rows_by_class);
  }
};

/// What the engine knows of such tasks. Classes are counted where the loss asks for shots.
template <class T> GivenOptions given_options(const Model& model, const Tasks<T>& tasks) {
  GivenOptions options;
  options.targets = model.loss().targets(model.output().size());
  options.counts_classes =
      is_classifier(model) && model.loss().normalisation() == Normalisation::sum_over_shots;
  options.are_alike = tasks.are_alike(options.counts_classes);
  return options;
}

/// Task i of every iteration is task i of these. Borrows them.
template <class T> std::unique_ptr<Domain> domain_of(const Model& model, const Tasks<T>& tasks) {
  return make_given<T>(
      model.input(), [&tasks](const Draw& draw) { return tasks.view(draw.first); }, given_options(model, tasks));
}

/// The same for tasks that change: those that `*tasks` points at when one is drawn. options: what given_options says of
/// them all.
template <class T>
std::unique_ptr<Domain> given_domain(const Model& model, const Tasks<T>* const* tasks, const GivenOptions& options) {
  return make_given<T>(
      model.input(), [tasks](const Draw& draw) { return (*tasks)->view(draw.first); }, options);
}

}  // namespace maml::python
