#pragma once

#include "maml/diff/checker.h"
#include "maml/nn/model.h"

namespace maml {

/// Random data of this model's shapes: standard normal inputs and targets, or random classes; row
/// weights around 1. Query rows are coupled to the support rows where the mode asks for it.
CheckData random_check_data(const Model&, std::size_t tasks, std::size_t support_rows, std::size_t query_rows,
                            std::uint64_t seed, Mode = {});

/// `check_objective` on a model at its initial parameters (slightly moved, so that nothing is zero by construction).
/// Where running statistics are read, they are random ones here.
std::vector<Residual> check_model(const Model&, const CheckOptions& = {}, std::size_t support_rows = 5,
                                  std::size_t query_rows = 4, Mode = {});

}  // namespace maml
