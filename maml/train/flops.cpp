#include "maml/train/flops.h"

#include "maml/algorithms/algorithm.h"
#include "maml/nn/work.h"
#include "maml/train/inner_loop.h"

namespace maml {

double meta_iteration_flops(const Experiment& experiment) {
  return meta_iteration_flops(experiment.options, *experiment.model, *experiment.domain);
}

double meta_iteration_flops(const Options& options, const Model& model, const Domain& domain) {
  return task_flops(model, domain, options.outer.algorithm, options.inner, training_size(options.data)) *
         static_cast<double>(options.data.tasks * options.outer.accumulate);
}

double task_flops(const Model& model, const Domain& domain, const std::string& name, const InnerOptions& inner,
                  const TaskSize& size) {
  const AlgorithmTraits traits = algorithm(name).traits;
  const EpisodeShape shape = episode_shape(model, domain, episode_options(model, {}, inner, size));
  const InnerLoop<float> loop(model, inner);

  WorkOptions work;
  work.inner_steps = traits.adapts ? inner.steps : 0;
  work.support_rows = shape.support_rows;
  work.query_rows = shape.query_rows;
  work.second_order = traits.second_order;
  work.mask = loop.layout().mask();
  work.front_layers = shape.fixed_support && work.inner_steps > 0 ? loop.front_layers() : 0;
  work.query_gradients = traits.differentiates ? 1 : 0;
  for (int k = 0; k < work.inner_steps && !inner.step_weights.empty(); ++k)
    work.query_gradients += inner.step_weights[static_cast<std::size_t>(k)] != 0;
  return meta_gradient_flops(model, work);
}

double adaptation_flops(const Model& model, const InnerOptions& inner, int steps, std::size_t support_rows,
                        std::size_t predicted_rows) {
  const InnerLoop<float> loop(model, inner);

  WorkOptions work;
  work.inner_steps = steps;
  work.support_rows = support_rows;
  work.query_rows = predicted_rows;
  work.second_order = false;
  work.query_gradients = 0;
  work.mask = loop.layout().mask();
  work.front_layers = loop.front_layers();
  return meta_gradient_flops(model, work);
}

}  // namespace maml
