#include "maml/train/inner_loop.h"

#include <algorithm>

#include "maml/base/error.h"

namespace maml {

namespace {

/// One rate a slice, by the table.
std::vector<double> slice_rates(const std::vector<Slice>& slices, const RateTable& table,
                                const std::vector<unsigned char>& adapted) {
  if (table.by_name.empty()) return std::vector<double>(slices.size(), table.everywhere);
  std::vector<double> rates(slices.size(), 0);
  std::vector<unsigned char> named(slices.size(), 0);
  for (const auto& [pattern, rate] : table.by_name) {
    const auto matched = matching_slices("inner.alpha", slices, {pattern});
    for (std::size_t i = 0; i < slices.size(); ++i) {
      if (!matched[i]) continue;
      rates[i] = rate;
      named[i] = 1;
    }
  }
  for (std::size_t i = 0; i < slices.size(); ++i)
    require(named[i] || !adapted[i], "inner.alpha", "no pattern gives a rate for ", slices[i].name,
            " (begin the table with \"*\" = 0.01)");
  return rates;
}

RateSharing sharing(const InnerOptions& inner) {
  if (inner.learned.rfind("element", 0) == 0) return RateSharing::element;
  const bool one_number = inner.learned.rfind("layer", 0) != 0;
  return one_number && inner.alpha.by_name.empty() ? RateSharing::number : RateSharing::slice;
}

/// The first layer that adapts: those before it may be computed once a task. 0 where they may not, since their outputs
/// or statistics depend on the inner step.
std::size_t frozen_layers(const Model& model, const RateLayout& layout) {
  if (layout.frozen_front() == 0 || model.state_size() > 0 || model.layer_count() == 0) return 0;
  std::size_t layers = model.layer_at(layout.frozen_front());
  while (!model.may_split(layers)) --layers;
  std::size_t parameters = 0;
  for (std::size_t i = 0; i < layers; ++i) {
    if (model.layer(i).info().depends_on_step) return 0;
    for (const auto& spec : model.layer(i).info().parameters) parameters += spec.size;
  }
  return parameters > 0 ? layers : 0;
}

}  // namespace

template <class T>
InnerLoop<T>::InnerLoop(const Model& model, const InnerOptions& inner, Mode mode, const T* state)
    : learns_rates_(!inner.learned.empty() && inner.learned != "no"),
      rule_(inner.rule == "momentum" ? make_momentum<T>(inner.momentum) : make_sgd<T>()),
      objective_(make_trained_objective<T>(model, mode, state)) {
  const auto& slices = model.slices();
  const auto mask = inner.adapt.empty() ? std::vector<unsigned char>(slices.size(), 1)
                                        : matching_slices("inner.adapt", slices, inner.adapt);
  const std::string step = "-step";
  const bool learns_each_step = inner.learned.size() > step.size() &&
                                inner.learned.compare(inner.learned.size() - step.size(), step.size(), step) == 0;
  const int sets = learns_each_step || !inner.alpha_steps.empty() ? std::max(inner.steps, 1) : 1;
  layout_ = std::make_unique<RateLayout>(slices, mask, sharing(inner), sets);
  const auto rates = slice_rates(slices, inner.alpha, mask);
  initial_rates_.resize(layout_->size());
  for (int set = 0; set < sets; ++set) {
    const auto& factors = inner.alpha_steps;
    const double factor = factors.empty() ? 1 : factors[std::min(factors.size() - 1, static_cast<std::size_t>(set))];
    for (std::size_t i = 0; i < slices.size(); ++i) {
      const auto [start, count] = layout_->range(set, i);
      std::fill_n(initial_rates_.begin() + static_cast<std::ptrdiff_t>(start), count,
                  static_cast<T>(factor * rates[i]));
    }
  }
  front_layers_ = frozen_layers(model, *layout_);
  if (front_layers_ == 0) return;
  front_.map = make_feature_map<T>(model, front_layers_, mode, state);
  front_.head = make_objective<T>(model, mode, state, front_layers_);
}

template <class T>
std::unique_ptr<Adaptation<T>> InnerLoop<T>::adaptation(const AdaptationOptions& options, bool fixed_support) const {
  const bool has_front = front_.map && fixed_support && options.steps > 0;
  AdaptationParts<T> parts;
  parts.support = parts.query = has_front ? front_.head.get() : objective_.get();
  parts.rule = rule_.get();
  parts.rates = layout_.get();
  parts.front = has_front ? front_.map.get() : nullptr;
  auto adaptation = std::make_unique<Adaptation<T>>(parts, options);
  adaptation->set_rates(initial_rates_.data());
  return adaptation;
}

template class InnerLoop<float>;
template class InnerLoop<double>;

}  // namespace maml
