#pragma once

#include <algorithm>

#include "bindings/arrays.h"
#include "maml/base/nearest.h"
#include "maml/diff/inner_rule.h"
#include "maml/train/rate_border.h"

namespace maml::python {

/// Learned inner rates under the names that `maml meta-gradient` and checkpoints give them: alpha, or alpha.NAME; a
/// value a step; of elements the parameter's shape, with the step first where each has rates of its own.
template <class T>
void put_rates(nb::dict& to, const Model& model, const RateLayout& layout, const std::vector<T>& rates) {
  if (layout.sharing() == RateSharing::element) {
    for (const auto& tensor : element_rates_to_border(model, layout, rates.data()))
      to[("alpha." + tensor.name).c_str()] =
          array(std::vector<T>(tensor.values.begin(), tensor.values.end()), tensor.shape);
    return;
  }
  const std::size_t names = layout.sharing() == RateSharing::number ? 1 : layout.slices().size();
  for (std::size_t i = 0; i < names; ++i) {
    std::vector<T> values;
    for (int set = 0; set < layout.steps(); ++set) values.push_back(rates[layout.range(set, i).first]);
    const std::string name = layout.sharing() == RateSharing::number ? "alpha" : "alpha." + layout.slices()[i].name;
    const std::size_t count = values.size();
    to[name.c_str()] = array(std::move(values), {count});
  }
}

/// The same for rates of several tasks: arrays tasks x ..
template <class T>
void put_rates_by_task(nb::dict& to, const Model& model, const RateLayout& layout, const std::vector<T>& rates,
                       std::size_t tasks) {
  std::vector<std::string> names;
  std::vector<std::vector<std::size_t>> shapes;
  std::vector<std::vector<T>> values;
  for (std::size_t i = 0; i < tasks; ++i) {
    const auto first = rates.begin() + static_cast<std::ptrdiff_t>(i * layout.size());
    nb::dict one;
    put_rates(one, model, layout, std::vector<T>(first, first + static_cast<std::ptrdiff_t>(layout.size())));
    std::size_t at = 0;
    for (const auto& [key, value] : one) {
      const auto given = nb::cast<In<T>>(value);
      if (i == 0) {
        names.push_back(nb::cast<std::string>(key));
        shapes.push_back({tasks});
        for (std::size_t d = 0; d < given.ndim(); ++d) shapes.back().push_back(given.shape(d));
        values.emplace_back();
      }
      values[at].insert(values[at].end(), given.data(), given.data() + given.size());
      ++at;
    }
  }
  for (std::size_t n = 0; n < names.size(); ++n) to[names[n].c_str()] = array(std::move(values[n]), shapes[n]);
}

/// Named arrays that are parameters, and those that are rates.
struct SplitArrays {
  nb::dict parameters, rates;
};
inline SplitArrays split_rates(const Model& model, const nb::dict& arrays) {
  SplitArrays split;
  for (const auto& [key, value] : arrays) {
    const auto name = nb::cast<std::string>(key);
    const bool is_parameter = std::any_of(model.slices().begin(), model.slices().end(),
                                          [&](const Slice& slice) { return slice.name == name; });
    const bool is_rate = !is_parameter && (name == "alpha" || name.rfind("alpha.", 0) == 0);
    (is_rate ? split.rates : split.parameters)[key] = value;
  }
  return split;
}

/// The inverse of put_rates: `otherwise` with the named rates in their places.
template <class T>
std::vector<T> take_rates(const Model& model, const RateLayout& layout, const nb::dict& arrays,
                          std::vector<T> otherwise) {
  const std::size_t sets = static_cast<std::size_t>(layout.steps());
  std::vector<std::string> known;
  nb::dict names;
  put_rates(names, model, layout, otherwise);
  for (const auto& [key, value] : names) known.push_back(nb::cast<std::string>(key));
  const auto given = border_of(arrays, 1, false);
  for (const auto& tensor : given.front()) {
    const auto found = std::find(known.begin(), known.end(), tensor.name);
    require(found != known.end(), tensor.name, "is no inner rate of this inner loop (it has ", join(known), ")");
    const auto i = static_cast<std::size_t>(found - known.begin());
    if (layout.sharing() != RateSharing::element) {
      require(tensor.values.size() == sets, tensor.name, "has ", tensor.values.size(),
              " values, but the inner loop has ", sets, " (one a step that has rates of its own)");
      for (std::size_t set = 0; set < sets; ++set)
        otherwise[layout.range(static_cast<int>(set), i).first] = static_cast<T>(tensor.values[set]);
      continue;
    }
    auto tensors = element_rates_to_border(model, layout, otherwise.data());
    require(tensors[i].shape == tensor.shape, tensor.name, "has not the shape that the rates of ", tensors[i].name,
            " have: that of the parameter", sets > 1 ? ", with the inner step first" : "");
    tensors[i].values = tensor.values;
    otherwise = element_rates_from_border<T>(model, layout, tensors);
  }
  return otherwise;
}

}  // namespace maml::python
