#pragma once

#include <complex>
#include <cstdint>
#include <string>
#include <vector>

#include "maml/diff/inner_rule.h"
#include "maml/diff/objective.h"

namespace maml {

/// Rows of a group of tasks in double precision, task after task: support rows, then query rows.
struct CheckData {
  std::size_t tasks = 0, support_rows = 0, query_rows = 0, inputs = 0, targets = 0, shots = 1;
  bool couple_query = false;                        ///< query batches begin with the support rows
  std::vector<double> x = {}, y = {}, weight = {};  ///< weight may be empty
};

/// What is checked: one loss in double precision, and the same with complex numbers (forward and gradient only).
struct CheckSubject {
  const Objective<double>* objective = nullptr;
  const FirstOrderObjective<std::complex<double>>* complex = nullptr;
  std::vector<Slice> slices = {};
  std::vector<double> theta = {};  ///< where
  CheckData data = {};
};

struct CheckOptions {
  std::uint64_t seed = 1;
  std::vector<int> steps = {1, 5, 20};
  double bound = 1e-9;
  /// Up to so many parameters every coordinate is checked, above 8 random directions.
  std::size_t every_coordinate_up_to = 300;
};

/// One identity that holds to rounding: how far off it is, relative to the whole vector's norm, and what is allowed.
struct Residual {
  std::string what;
  double value = 0;
  double bound = 0;
  bool passed() const { return value <= bound; }  // false for NaN
};

/// Checks an objective and the adaptation over it, with random masks, random rates per element and step, rates small
/// enough that alpha times the norm of H stays below 1:
///   gradient, H v and its input part against complex step; Hessian symmetry; the whole meta-gradient, its gradient by
///   the rates and the step weights against complex step through the entire inner loop (SGD and momentum);
///   <vjp(v), u> = <v, jvp(u)>; kept against recomputed tapes and a group against each task alone, to the bit.
std::vector<Residual> check_objective(const CheckSubject&, const CheckOptions& = {});

}  // namespace maml
