#include "maml/tasks/point_navigation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "maml/base/aligned.h"
#include "maml/base/error.h"
#include "maml/nn/model.h"

namespace maml {

namespace {

constexpr std::size_t dimensions = 2;
constexpr double goal_limit = 0.5, stride_limit = 0.1, arrival = 0.01;

struct Place {
  double x = 0, y = 0;
};

/// Rollouts of every task under one point, kept.
template <class T> struct Rollouts {
  std::size_t count;  // of one task
  AlignedArray<T> states, actions, advantages;
  bool sampled = false;

  Rollouts(std::size_t tasks, std::size_t rollouts, std::size_t horizon)
      : count(rollouts), states(tasks * rollouts * horizon * dimensions),
        actions(tasks * rollouts * horizon * dimensions), advantages(tasks * rollouts * horizon) {}
};

template <class T> class NavigationGroup final : public TaskGroup<T> {
public:
  NavigationGroup(const PointNavigationOptions& navigation, std::size_t tasks, const EpisodeOptions& episode)
      : horizon_(navigation.horizon), shots_(episode.shots), discount_(navigation.discount),
        policy_(*navigation.policy, Mode{.evaluating = true}), goals_(tasks) {
    require(episode.ways == 1, "point_navigation", "has no ways (leave data.ways at 1)");
    require(episode.inner_batch == 0, "point_navigation", "has no inner mini-batches (leave data.inner_batch at 0)");
    require(!episode.couple_query, "point_navigation",
            "has no batch statistics to couple (use a policy without batch_norm)");
    require(episode.shots >= 2 && episode.query_shots >= 2, "point_navigation",
            "needs at least 2 rollouts for its baseline, but has ", episode.shots, " support and ", episode.query_shots,
            " query rollouts");
    const auto steps = static_cast<std::size_t>(std::max(episode.inner_steps, 0));
    support_.reserve(steps);
    query_.reserve(steps + 1);
    for (std::size_t k = 0; k < steps; ++k) support_.emplace_back(tasks, episode.shots, horizon_);
    for (std::size_t k = 0; k <= steps; ++k) query_.emplace_back(tasks, episode.query_shots, horizon_);
    const std::size_t most = tasks * std::max(episode.shots, episode.query_shots);
    noise_.reserve(tasks);
    place_.resize(most);
    ended_.resize(most);
    rewards_.resize(most * horizon_);
    policy_x_ = AlignedArray<T>(most * dimensions);
    policy_y_ = AlignedArray<T>(most * 2 * dimensions);
    tape_ = AlignedArray<T>(tasks * std::max(policy_.tape_size(episode.shots), policy_.tape_size(episode.query_shots)));
  }

  void draw(const Draw& draw) override {
    draw_ = draw;
    for (std::size_t i = 0; i < goals_.size(); ++i) {
      Rng rng = stream(i, 0);
      goals_[i].x = rng.uniform(-goal_limit, goal_limit);
      goals_[i].y = rng.uniform(-goal_limit, goal_limit);
    }
    forget(support_);
    forget(query_);
  }

  Batch<T> support(int k, Point<T> theta_k) override {
    Rollouts<T>& rollouts = slot(support_, k, "support data of inner step ");
    if (k == 0) forget(query_);
    sample(rollouts, theta_k, 1 + 2 * static_cast<std::uint32_t>(k));
    return batch(rollouts);
  }

  Batch<T> query(Point<T> theta_k) override {
    Rollouts<T>& rollouts = slot(query_, theta_k.step, "query data after inner steps: ");
    if (!rollouts.sampled) sample(rollouts, theta_k, 2 + 2 * static_cast<std::uint32_t>(theta_k.step));
    return batch(rollouts);
  }

private:
  static void forget(std::vector<Rollouts<T>>& list) {
    for (auto& rollouts : list) rollouts.sampled = false;
  }

  static Rollouts<T>& slot(std::vector<Rollouts<T>>& list, int k, const char* what) {
    require(static_cast<std::size_t>(k) < list.size(), "point_navigation", what, k, ", but there is room for ",
            list.size(), " (set EpisodeOptions::inner_steps)");
    return list[static_cast<std::size_t>(k)];
  }

  Rng stream(std::size_t task, std::uint32_t part) const {
    return Rng(draw_.seed, draw_.purpose, draw_.iteration, draw_.first + static_cast<std::uint32_t>(task), part);
  }

  Batch<T> batch(const Rollouts<T>& rollouts) const {
    Batch<T> batch;
    batch.tasks = goals_.size();
    batch.rows = rollouts.count * horizon_;
    batch.x = rollouts.states.data();
    batch.y = rollouts.actions.data();
    batch.x_stride = batch.y_stride = static_cast<std::ptrdiff_t>(batch.rows * dimensions);
    batch.weight = rollouts.advantages.data();
    batch.weight_stride = static_cast<std::ptrdiff_t>(batch.rows);
    batch.shots = shots_;
    return batch;
  }

  /// All rollouts of all tasks, one time step after the other: the policy sees them as one batch. A rollout takes up
  /// its noise after its end too, so that its neighbours' do not depend on it.
  void sample(Rollouts<T>& rollouts, Point<T> theta, std::uint32_t part) {
    const std::size_t count = rollouts.count, all = goals_.size() * count;
    noise_.clear();
    for (std::size_t i = 0; i < goals_.size(); ++i) noise_.push_back(stream(i, part));
    std::fill_n(place_.begin(), all, Place{});
    std::fill_n(ended_.begin(), all, horizon_);
    for (std::size_t t = 0; t < horizon_; ++t) {
      act(theta, count);
      for (std::size_t r = 0; r < all; ++r) {
        const T* policy = policy_y_.data() + r * 2 * dimensions;
        const std::size_t row = r * horizon_ + t;
        const bool live = t < ended_[r];
        double action[dimensions];
        for (std::size_t d = 0; d < dimensions; ++d) {
          const double noise = noise_[r / count].normal();
          action[d] = static_cast<double>(policy[d]) + std::exp(static_cast<double>(policy[dimensions + d])) * noise;
          rollouts.actions[row * dimensions + d] = static_cast<T>(live ? action[d] : 0.0);
          rollouts.states[row * dimensions + d] = policy_x_[r * dimensions + d];
        }
        rewards_[row] = live ? move(r, count, t, action) : 0;
      }
    }
    for (std::size_t i = 0; i < goals_.size(); ++i) set_advantages(rollouts, i);
    rollouts.sampled = true;
  }

  /// The policy's outputs at every rollout's place.
  void act(Point<T> theta, std::size_t count) {
    for (std::size_t r = 0; r < goals_.size() * count; ++r) {
      policy_x_[r * dimensions] = static_cast<T>(place_[r].x);
      policy_x_[r * dimensions + 1] = static_cast<T>(place_[r].y);
    }
    Batch<T> states;
    states.tasks = goals_.size();
    states.rows = count;
    states.x = policy_x_.data();
    states.x_stride = static_cast<std::ptrdiff_t>(count * dimensions);
    policy_(theta, states, tape_.data(), policy_y_.data(), static_cast<std::ptrdiff_t>(count * 2 * dimensions));
  }

  /// Moves one rollout and returns its reward.
  double move(std::size_t r, std::size_t count, std::size_t t, const double* action) {
    const Place goal = goals_[r / count];
    Place& place = place_[r];
    place.x += stride_limit * std::clamp(action[0], -1.0, 1.0);
    place.y += stride_limit * std::clamp(action[1], -1.0, 1.0);
    const double dx = place.x - goal.x, dy = place.y - goal.y;
    if (std::abs(dx) < arrival && std::abs(dy) < arrival) ended_[r] = t + 1;
    return -std::hypot(dx, dy);
  }

  void set_advantages(Rollouts<T>& rollouts, std::size_t task) {
    const std::size_t count = rollouts.count;
    double* value = rewards_.data() + task * count * horizon_;  // rewards, then returns to go, then advantages
    const std::size_t* ended = ended_.data() + task * count;
    double sum = 0, squares = 0, live_rows = 0;
    for (std::size_t t = horizon_; t-- > 0;) {
      double mean = 0, live = 0;
      for (std::size_t r = 0; r < count; ++r) {
        if (t >= ended[r]) continue;
        if (t + 1 < ended[r]) value[r * horizon_ + t] += discount_ * value[r * horizon_ + t + 1];
        mean += value[r * horizon_ + t];
        ++live;
      }
      if (live > 0) mean /= live;
      baseline_[t] = mean;
      live_rows += live;
    }
    for (std::size_t row = 0; row < count * horizon_; ++row) {
      const std::size_t r = row / horizon_, t = row % horizon_;
      if (t >= ended[r]) continue;
      value[row] -= baseline_[t];
      sum += value[row];
      squares += value[row] * value[row];
    }
    const double mean = sum / live_rows, variance = std::max(squares / live_rows - mean * mean, 0.0);
    const double scale = 1 / (std::sqrt(variance) + 1e-8);
    T* advantage = rollouts.advantages.data() + task * count * horizon_;
    for (std::size_t row = 0; row < count * horizon_; ++row)
      advantage[row] = static_cast<T>(row % horizon_ < ended[row / horizon_] ? (value[row] - mean) * scale : 0.0);
  }

  const std::size_t horizon_, shots_;
  const double discount_;
  const Predictor<T> policy_;
  Draw draw_;
  std::vector<Place> goals_;                  // one a task
  std::vector<Rollouts<T>> support_, query_;  // one an inner step
  // Of the sampling at hand: one a rollout of any task.
  std::vector<Place> place_;
  std::vector<std::size_t> ended_;  // time steps it lasts
  std::vector<double> rewards_;     // times horizon
  std::vector<double> baseline_ = std::vector<double>(horizon_);
  std::vector<Rng> noise_;  // one a task
  AlignedArray<T> policy_x_, policy_y_, tape_;
};

class PointNavigation final : public Domain {
public:
  explicit PointNavigation(const PointNavigationOptions& options) : options_(options) {
    require(options.policy != nullptr, "point_navigation",
            "needs the policy that acts (set PointNavigationOptions::policy)");
    require(options.horizon >= 1, "point_navigation", "the horizon must be at least 1");
    require(options.discount >= 0 && options.discount <= 1, "point_navigation",
            "the discount must lie in [0, 1], but is ", options.discount);
    require(options.policy->input() == input(), "point_navigation", "states have 2 values, but the policy's input is ",
            to_string(options.policy->input()), " (write input = [2])");
    require(options.policy->output().size() == 2 * dimensions, "point_navigation",
            "wants 2 means and 2 log standard deviations, but the policy has ", options.policy->output().size(),
            " outputs (end it with \"linear 2\", \"gaussian\")");
  }
  Shape input() const override { return Shape{{dimensions}}; }
  std::size_t targets() const override { return dimensions; }
  std::unique_ptr<TaskGroup<float>> group_f32(std::size_t tasks, const EpisodeOptions& options) const override {
    return std::make_unique<NavigationGroup<float>>(options_, tasks, options);
  }
  std::unique_ptr<TaskGroup<double>> group_f64(std::size_t tasks, const EpisodeOptions& options) const override {
    return std::make_unique<NavigationGroup<double>>(options_, tasks, options);
  }

private:
  const PointNavigationOptions options_;
};

}  // namespace

std::unique_ptr<Domain> make_point_navigation(const PointNavigationOptions& options) {
  return std::make_unique<PointNavigation>(options);
}

}  // namespace maml
