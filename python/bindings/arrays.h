#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "maml/nn/foreign.h"
#include "maml/nn/model.h"

namespace maml::python {

namespace nb = nanobind;

/// What Python hands over: read only, C order, of this type. The package converts what is not, and checks shapes.
template <class T> using In = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
template <class T> using Out = nb::ndarray<nb::numpy, T>;

/// A NumPy array that owns the values. With the GIL.
template <class T> Out<T> array(std::vector<T> values, const std::vector<std::size_t>& shape) {
  auto* own = new std::vector<T>(std::move(values));
  nb::capsule owner(own, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return Out<T>(own->data(), shape.size(), shape.data(), owner);
}

/// A flat vector as named arrays with PyTorch's names and layouts.
template <class T> nb::dict named(const Model& model, const T* flat) {
  nb::dict result;
  for (const auto& tensor : model.to_border(flat))
    result[tensor.name.c_str()] = array(std::vector<T>(tensor.values.begin(), tensor.values.end()), tensor.shape);
  return result;
}

/// Several flat vectors, one a task: arrays tasks x shape.
template <class T> nb::dict named_by_task(const Model& model, const std::vector<T>& flat, std::size_t tasks) {
  std::vector<std::vector<T>> values;
  std::vector<BorderTensor> first;
  for (std::size_t i = 0; i < tasks; ++i) {
    auto border = model.to_border(flat.data() + i * model.parameters());
    values.resize(border.size());
    for (std::size_t s = 0; s < border.size(); ++s)
      values[s].insert(values[s].end(), border[s].values.begin(), border[s].values.end());
    if (i == 0) first = std::move(border);
  }
  nb::dict result;
  for (std::size_t s = 0; s < first.size(); ++s) {
    std::vector<std::size_t> shape = {tasks};
    shape.insert(shape.end(), first[s].shape.begin(), first[s].shape.end());
    result[first[s].name.c_str()] = array(std::move(values[s]), shape);
  }
  return result;
}

/// Named arrays (float64) as tensors at the border; `leading`: the first extent of each is the task.
inline std::vector<std::vector<BorderTensor>> border_of(const nb::dict& arrays, std::size_t tasks, bool leading) {
  std::vector<std::vector<BorderTensor>> result(tasks);
  for (const auto& [key, value] : arrays) {
    const auto name = nb::cast<std::string>(key);
    const auto values = nb::cast<In<double>>(value);
    std::vector<std::size_t> shape;
    for (std::size_t d = 0; d < values.ndim(); ++d) shape.push_back(values.shape(d));
    if (leading) {
      require(!shape.empty() && shape.front() == tasks, name, "has the first extent ",
              shape.empty() ? 0 : shape.front(), ", but there are ", tasks, " tasks");
      shape.erase(shape.begin());
    }
    const std::size_t size = values.size() / tasks;
    for (std::size_t i = 0; i < tasks; ++i)
      result[i].push_back({name, shape, std::vector<double>(values.data() + i * size, values.data() + (i + 1) * size)});
  }
  return result;
}

template <class T> std::vector<T> flat(const Model& model, const nb::dict& arrays) {
  return model.from_border<T>(border_of(arrays, 1, false).front());
}

template <class T> std::vector<T> flat_by_task(const Model& model, const nb::dict& arrays, std::size_t tasks) {
  std::vector<T> result;
  for (const auto& tensors : border_of(arrays, tasks, true)) {
    const auto one = model.from_border<T>(tensors);
    result.insert(result.end(), one.begin(), one.end());
  }
  return result;
}

/// A model that Python computes (objective.cpp).
ForeignModel python_model(const std::string& name, const nb::object& calls, const nb::dict& parameters,
                          const std::vector<std::size_t>& input, std::size_t outputs, std::size_t targets,
                          bool is_classifier, const std::string& metric, bool has_hvp, bool has_outputs);

void bind_engine(nb::module_& m);
void bind_adaptation(nb::module_& m);
void bind_columns(nb::module_& m);
void bind_learner(nb::module_& m);

}  // namespace maml::python
