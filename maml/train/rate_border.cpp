#include "maml/train/rate_border.h"

namespace maml {

template <class T>
std::vector<BorderTensor> element_rates_to_border(const Model& model, const RateLayout& layout, const T* rates) {
  std::vector<BorderTensor> result = model.to_border(rates);
  for (int set = 1; set < layout.steps(); ++set) {
    const auto next = model.to_border(rates + static_cast<std::size_t>(set) * model.parameters());
    for (std::size_t i = 0; i < result.size(); ++i)
      result[i].values.insert(result[i].values.end(), next[i].values.begin(), next[i].values.end());
  }
  if (layout.steps() > 1)
    for (auto& tensor : result) tensor.shape.insert(tensor.shape.begin(), static_cast<std::size_t>(layout.steps()));
  return result;
}

template <class T>
std::vector<T> element_rates_from_border(const Model& model, const RateLayout& layout,
                                         const std::vector<BorderTensor>& tensors) {
  const auto sets = static_cast<std::size_t>(layout.steps());
  std::vector<T> result;
  for (std::size_t set = 0; set < sets; ++set) {
    std::vector<BorderTensor> of_set;
    for (const auto& tensor : tensors) {
      const auto size = static_cast<std::ptrdiff_t>(tensor.values.size() / sets);
      const auto first = tensor.values.begin() + static_cast<std::ptrdiff_t>(set) * size;
      of_set.push_back({tensor.name, tensor.shape, {first, first + size}});
      if (sets > 1) of_set.back().shape.erase(of_set.back().shape.begin());
    }
    const auto one = model.from_border<T>(of_set);
    result.insert(result.end(), one.begin(), one.end());
  }
  return result;
}

template std::vector<BorderTensor> element_rates_to_border(const Model&, const RateLayout&, const float*);
template std::vector<BorderTensor> element_rates_to_border(const Model&, const RateLayout&, const double*);
template std::vector<float> element_rates_from_border(const Model&, const RateLayout&,
                                                      const std::vector<BorderTensor>&);
template std::vector<double> element_rates_from_border(const Model&, const RateLayout&,
                                                       const std::vector<BorderTensor>&);

}  // namespace maml
