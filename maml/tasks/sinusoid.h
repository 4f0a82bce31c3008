#pragma once

#include <memory>
#include <vector>

#include "maml/tasks/domain.h"

namespace maml {

struct SinusoidOptions {
  /// Appends the task's amplitude and phase to every input (the paper's oracle).
  bool oracle = false;
};

/// The sinusoid regression of the MAML paper: y = A sin(x - phase), A ~ U[0.1, 5], phase ~ U[0, pi], x ~ U[-5, 5].
std::unique_ptr<Domain> make_sinusoid(const SinusoidOptions& = {});

/// One task of the sinusoid, for pictures.
struct Wave {
  double amplitude = 0, phase = 0;
  std::vector<double> support_x, support_y;  ///< its support points
  std::vector<double> x, y;                  ///< the true curve on an even grid over [-5, 5]

  double operator()(double at) const;
};

/// Task `draw.first` as a group would draw it with so many shots, and its curve at `points` places (at least 2).
Wave draw_wave(const Draw& draw, std::size_t shots, std::size_t points = 401);

}  // namespace maml
