#pragma once

#include <cstddef>
#include <memory>

#include "maml/tasks/domain.h"

namespace maml {

class Model;

struct PointNavigationOptions {
  /// Acts; borrowed. From the state (2 inputs) to 2 means and 2 logarithms of standard deviations (layer `gaussian`).
  const Model* policy = nullptr;
  /// Time steps of a rollout.
  std::size_t horizon = 100;
  /// Of rewards in the returns, per time step.
  double discount = 0.99;
};

/// 2D navigation (Finn et al. 2017): from (0, 0) to a goal ~ U[-0.5, 0.5]^2. An action, clipped to [-1, 1]^2, moves the
/// point by 0.1 times it; the reward is minus the distance to the goal; a rollout ends within 0.01 of it in both
/// coordinates.
///
/// `EpisodeOptions::shots` and `query_shots` are rollouts, at least 2, and a batch has horizon rows for each, rollout
/// after rollout: x the state, y the action as the policy drew it, weight its advantage, which is 0 after the end. An
/// advantage is the discounted return to go, less its mean over the task's live rollouts at that time step, then
/// brought to mean 0 and standard deviation 1 over the batch's live rows.
///
/// Support data of step k are sampled under theta_k, query data under the point asked about, once for each inner step:
/// a batch stays as it is until the next draw, or until an adaptation begins anew with step 0. What is random is a
/// function of the draw and of k alone (`Rng`'s parts: 0 the goal, 1 + 2k support, 2 + 2k query).
std::unique_ptr<Domain> make_point_navigation(const PointNavigationOptions&);

}  // namespace maml
