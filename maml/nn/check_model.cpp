#include "maml/nn/check_model.h"

#include "maml/base/rng.h"

namespace maml {

CheckData random_check_data(const Model& model, std::size_t tasks, std::size_t support_rows, std::size_t query_rows,
                            std::uint64_t seed, Mode mode) {
  Rng rng(seed, Purpose::check, 1);
  CheckData data;
  data.tasks = tasks;
  data.support_rows = support_rows;
  data.query_rows = query_rows;
  data.inputs = model.input().size();
  data.targets = model.loss().targets(model.output().size());
  data.shots = 3;
  data.couple_query = model.couples_query(mode);
  const std::size_t rows = tasks * (support_rows + query_rows);
  const bool classes = model.loss().name() == "cross_entropy";
  const auto outputs = static_cast<std::uint32_t>(model.output().size());
  for (std::size_t i = 0; i < rows * data.inputs; ++i) data.x.push_back(rng.normal());
  for (std::size_t i = 0; i < rows * data.targets; ++i) data.y.push_back(classes ? rng.below(outputs) : rng.normal());
  if (model.loss().name() == "policy_gradient")
    for (std::size_t i = 0; i < rows; ++i) data.weight.push_back(1 + 0.5 * rng.normal());
  return data;
}

std::vector<Residual> check_model(const Model& model, const CheckOptions& options, std::size_t support_rows,
                                  std::size_t query_rows, Mode mode) {
  Rng state_rng(options.seed, Purpose::check, 3);
  auto state = model.initial_state<double>();
  for (auto& value : state) value += state_rng.uniform(0.1, 0.6);  // variances stay above 0

  const std::vector<std::complex<double>> complex_state(state.begin(), state.end());
  const auto objective = make_objective<double>(model, mode, state.data());
  const auto complex = make_first_order_objective(model, mode, complex_state.data());
  CheckSubject subject{objective.get(), complex.get(), model.slices(), model.initial<double>(options.seed),
                       random_check_data(model, 3, support_rows, query_rows, options.seed, mode)};
  Rng rng(options.seed, Purpose::check, 2);
  for (auto& parameter : subject.theta) parameter += 0.1 * rng.normal();
  return check_objective(subject, options);
}

}  // namespace maml
