#include "maml/tasks/table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/tasks/chooser.h"
#include "maml/tasks/supervised.h"

namespace maml {

namespace {

/// What the groups of a domain share: a pack's rows, standardised.
struct TableSet {
  std::string file;
  bool in_windows = false;
  std::size_t inputs = 0, targets = 0;
  std::vector<PackedTask> tasks;
  std::vector<double> x, y;
  std::array<std::vector<std::uint32_t>, all_splits.size()> splits;  // numbers of their tasks

  const std::vector<std::uint32_t>& of(Split split) const { return splits[static_cast<std::size_t>(split)]; }

  void check(Split split, const EpisodeOptions& options) const {
    require(!of(split).empty(), file, "has no tasks in its split ", to_string(split), " (import it with some)");
    for (const auto number : of(split)) check(tasks[number], options);
  }
  void check(const PackedTask& task, const EpisodeOptions& options) const {
    require(task.count >= options.shots + options.query_shots, file, "has ", task.count, " rows in task ", task.name,
            " of its split ", to_string(task.split), ", but tasks want ", options.shots, " support and ",
            options.query_shots, " query rows (lower data.shots or data.query_shots, or import with --min-rows ",
            options.shots + options.query_shots, ")");
  }
};

template <class T> class TableGroup final : public SupervisedGroup<T> {
public:
  TableGroup(std::shared_ptr<const TableSet> set, std::size_t tasks, const EpisodeOptions& options)
      : SupervisedGroup<T>(tasks, options, set->inputs, set->targets), set_(std::move(set)),
        chooser_(most_rows(*set_), this->rows()), chosen_(this->rows()) {
    require(options.ways == 1, "table", "is a regression and has no ways (leave data.ways at 1)");
  }

  std::size_t bytes() const override {
    return SupervisedGroup<T>::bytes() + sizeof(std::uint32_t) * (most_rows(*set_) + 2 * chosen_.size());
  }

protected:
  void fill(Rng& rng, Purpose purpose, T* x, T* y) override {
    const auto& numbers = set_->of(split_for(purpose));
    if (numbers.empty()) set_->check(split_for(purpose), this->options());
    const PackedTask& task = set_->tasks[numbers[rng.below(static_cast<std::uint32_t>(numbers.size()))]];
    set_->check(task, this->options());
    const auto count = static_cast<std::uint32_t>(task.count);
    if (set_->in_windows)
      std::iota(chosen_.begin(), chosen_.end(), rng.below(count - static_cast<std::uint32_t>(chosen_.size()) + 1));
    else
      chooser_.choose(rng, count, chosen_);
    for (const std::size_t row : chosen_) {
      x = copy(set_->x, (task.first + row) * set_->inputs, set_->inputs, x);
      y = copy(set_->y, (task.first + row) * set_->targets, set_->targets, y);
    }
  }

private:
  static T* copy(const std::vector<double>& values, std::size_t first, std::size_t count, T* to) {
    for (std::size_t i = 0; i < count; ++i) *to++ = static_cast<T>(values[first + i]);
    return to;
  }
  static std::size_t most_rows(const TableSet& set) {
    std::size_t most = 0;
    for (const auto& task : set.tasks) most = std::max(most, task.count);
    return most;
  }

  const std::shared_ptr<const TableSet> set_;
  Chooser chooser_;
  std::vector<std::uint32_t> chosen_;  // rows of the task at hand
};

/// Standardises rows of so many values whose columns begin with number `first`.
void standardise(std::vector<double>& values, const Columns& columns, std::size_t first, std::size_t of_a_row) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = columns.standardised(first + i % of_a_row, values[i]);
}

class TableDomain final : public Domain {
public:
  explicit TableDomain(const TableDomainOptions& options) {
    require(!options.file.empty(), "table", "needs a task pack (set data.file; maml data import csv makes one)");
    TaskPack pack = read_task_pack(options.file);
    columns_ = options.columns.empty() ? columns_of(pack, options.file) : options.columns;
    require_sound(columns_, "data");
    require(columns_.inputs == pack.inputs && columns_.targets == pack.targets, options.file, "has the inputs ",
            join(pack.inputs), " and the targets ", join(pack.targets), ", but the model knows ", join(columns_.inputs),
            " and ", join(columns_.targets), " (import it with these)");
    auto set = std::make_shared<TableSet>();
    set->file = options.file;
    set->in_windows = options.rows == "window";
    set->inputs = pack.inputs.size();
    set->targets = pack.targets.size();
    set->tasks = std::move(pack.tasks);
    for (std::uint32_t i = 0; i < set->tasks.size(); ++i) {
      require(set->tasks[i].count < std::size_t{1} << 32, options.file, "has too many rows in task ",
              set->tasks[i].name);
      set->splits[static_cast<std::size_t>(set->tasks[i].split)].push_back(i);
    }
    set->x = std::move(pack.x);
    set->y = std::move(pack.y);
    standardise(set->x, columns_, 0, set->inputs);
    standardise(set->y, columns_, set->inputs, set->targets);
    set_ = std::move(set);
  }
  Shape input() const override { return Shape{{set_->inputs}}; }
  std::size_t targets() const override { return set_->targets; }
  Columns columns() const override { return columns_; }
  void check(Purpose purpose, const EpisodeOptions& options) const override {
    set_->check(split_for(purpose), options);
  }
  std::unique_ptr<TaskGroup<float>> group_f32(std::size_t tasks, const EpisodeOptions& options) const override {
    return std::make_unique<TableGroup<float>>(set_, tasks, options);
  }
  std::unique_ptr<TaskGroup<double>> group_f64(std::size_t tasks, const EpisodeOptions& options) const override {
    return std::make_unique<TableGroup<double>>(set_, tasks, options);
  }

private:
  Columns columns_;
  std::shared_ptr<const TableSet> set_;
};

/// Mean and standard deviation of a column's values in the training tasks, in two passes.
struct Moments {
  double mean = 0, deviation = 0;
};
Moments moments(const TaskPack& pack, const std::vector<double>& values, std::size_t column, std::size_t of_a_row) {
  const auto over_training = [&](auto&& term) {
    double sum = 0, rows = 0;
    for (const auto& task : pack.tasks)
      for (std::size_t row = task.first; task.split == Split::train && row < task.first + task.count; ++row, ++rows)
        sum += term(values[row * of_a_row + column]);
    return sum / rows;
  };
  const double mean = over_training([](double value) { return value; });
  const double variance = over_training([&](double value) { return (value - mean) * (value - mean); });
  return {mean, std::sqrt(variance)};
}

}  // namespace

std::unique_ptr<Domain> make_table(const TableDomainOptions& options) {
  return std::make_unique<TableDomain>(options);
}

Columns columns_of(const TaskPack& pack, const std::string& name) {
  require(std::any_of(pack.tasks.begin(), pack.tasks.end(), [](const auto& t) { return t.split == Split::train; }),
          name, "has no tasks in its split train (import it with some)");
  Columns columns{pack.task, pack.inputs, pack.targets, {}, {}};
  for (std::size_t i = 0; i < columns.count(); ++i) {
    const bool is_input = i < pack.inputs.size();
    const auto [mean, deviation] = is_input ? moments(pack, pack.x, i, pack.inputs.size())
                                            : moments(pack, pack.y, i - pack.inputs.size(), pack.targets.size());
    require(std::isfinite(mean) && std::isfinite(deviation), name, "has numbers in the column ", columns.name(i),
            " that are too large to be standardised (scale them)");
    // What is left of rounding is no spread.
    require(deviation > 1e-12 * std::abs(mean) && deviation > 0, name, "has the same number, ", mean,
            ", in the column ", columns.name(i), " of all training tasks, which tells nothing (leave it out)");
    columns.means.push_back(mean);
    columns.deviations.push_back(deviation);
  }
  return columns;
}

}  // namespace maml
