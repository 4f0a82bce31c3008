#pragma once

#include <memory>
#include <vector>

#include "maml/diff/adaptation.h"
#include "maml/nn/model.h"
#include "maml/train/options.h"

namespace maml {

/// The inner loop of a model: what is adapted, by which rule, at which rates; makes adaptations.
/// `learned` and `adapt` of the options may be empty here: fixed rates, all parameters.
template <class T> class InnerLoop {
public:
  /// state: running statistics (or null where the model has none). Model and state are borrowed.
  InnerLoop(const Model&, const InnerOptions&, Mode = {}, const T* state = nullptr);

  const RateLayout& layout() const { return *layout_; }
  bool learns_rates() const { return learns_rates_; }
  /// The rates of the options, layout().size() values.
  const std::vector<T>& initial_rates() const { return initial_rates_; }

  /// Layers of the frozen front, 0 where there is none.
  std::size_t front_layers() const { return front_layers_; }

  /// An adaptation at the initial rates; the inner loop must outlive it. Where the front of the model is frozen, its
  /// features are computed once a task, if the support data are the same at every step (`fixed_support`).
  std::unique_ptr<Adaptation<T>> adaptation(const AdaptationOptions&, bool fixed_support) const;

private:
  struct Front {
    std::unique_ptr<FeatureMap<T>> map;
    std::unique_ptr<Objective<T>> head;
  };
  std::unique_ptr<RateLayout> layout_;
  std::vector<T> initial_rates_;
  bool learns_rates_;
  std::unique_ptr<InnerRule<T>> rule_;
  std::unique_ptr<FirstOrderObjective<T>> objective_;
  std::size_t front_layers_ = 0;
  Front front_;  // null where there is none
};

}  // namespace maml
