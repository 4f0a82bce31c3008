#include "maml/tasks/shots.h"

#include <algorithm>
#include <numeric>

namespace maml {

namespace {

struct Counted {
  std::size_t rows, classes;
};

Counted counted(const std::vector<std::size_t>& rows_by_class) {
  return {std::accumulate(rows_by_class.begin(), rows_by_class.end(), std::size_t{0}),
          static_cast<std::size_t>(
              std::count_if(rows_by_class.begin(), rows_by_class.end(), [](std::size_t rows) { return rows > 0; }))};
}

bool are_equal(const std::vector<std::size_t>& rows_by_class, std::size_t shots) {
  return std::all_of(rows_by_class.begin(), rows_by_class.end(),
                     [&](std::size_t rows) { return rows == 0 || rows == shots; });
}

}  // namespace

template <class T> void count_rows_by_class(std::span<const T> labels, std::vector<std::size_t>& rows) {
  rows.clear();
  for (const T label : labels) {
    const auto number = static_cast<std::size_t>(label);
    rows.resize(std::max(rows.size(), number + 1));
    ++rows[number];
  }
}

std::size_t shots_of(const std::vector<std::size_t>& rows_by_class) {
  const Counted all = counted(rows_by_class);
  return all.rows / all.classes;
}

template <class T>
std::vector<T> class_weights(std::span<const T> labels, const std::vector<std::size_t>& rows_by_class,
                             Normalisation normalisation) {
  const Counted all = counted(rows_by_class);
  const std::size_t shots = shots_of(rows_by_class);
  if (are_equal(rows_by_class, shots)) return {};
  const double of_equal = normalisation == Normalisation::mean
                              ? static_cast<double>(all.rows) / static_cast<double>(all.classes)
                              : static_cast<double>(shots);
  std::vector<T> weights;
  for (const T label : labels)
    weights.push_back(static_cast<T>(of_equal / static_cast<double>(rows_by_class[static_cast<std::size_t>(label)])));
  return weights;
}

template void count_rows_by_class(std::span<const float>, std::vector<std::size_t>&);
template void count_rows_by_class(std::span<const double>, std::vector<std::size_t>&);
template std::vector<float> class_weights(std::span<const float>, const std::vector<std::size_t>&, Normalisation);
template std::vector<double> class_weights(std::span<const double>, const std::vector<std::size_t>&, Normalisation);

}  // namespace maml
