#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "maml/tasks/domain.h"

namespace maml {

/// One task's data: rows x input size, rows x targets, contiguous. The views stay valid as long as `owner` lives (null:
/// as long as the domain).
template <class T> struct GivenTask {
  const T* support_x = nullptr;
  const T* support_y = nullptr;
  const T* query_x = nullptr;
  const T* query_y = nullptr;
  std::size_t support_rows = 0, query_rows = 0;
  std::shared_ptr<const void> owner = {};
  /// What each row's loss is multiplied by (see Batch::weight); null: 1 everywhere.
  const T* support_weight = nullptr;
  const T* query_weight = nullptr;
};

struct GivenOptions {
  std::size_t targets = 1;
  /// Tasks i, i + 1, .. of one draw have as many rows each and lie at equal distances in memory, weights too, so that a
  /// group can hold several; where classes are counted, each has as many shots too.
  bool are_alike = false;
  /// y are labels whose classes are counted: a task's shots are its support rows of one class (shots_of). Otherwise all
  /// its support rows. EpisodeOptions::shots says nothing here.
  bool counts_classes = false;
};

/// Where given tasks come from: task `draw.first` of `draw.iteration`. Called by many threads at once.
template <class T> using GivenSource = std::function<GivenTask<T>(const Draw& draw)>;

/// Tasks that somebody else makes. Their numbers of rows may differ from task to task. Nothing is copied, but where a
/// query batch begins with the support rows, or numbers are asked for in the other precision.
template <class T> std::unique_ptr<Domain> make_given(Shape input, GivenSource<T> source, const GivenOptions& = {});

}  // namespace maml
