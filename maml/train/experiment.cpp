#include "maml/train/experiment.h"

#include <algorithm>

#include "maml/base/workers.h"
#include "maml/tasks/domains.h"
#include "maml/train/checkpoint.h"
#include "maml/train/inner_loop.h"

namespace maml {

std::unique_ptr<Domain> make_domain(const DataOptions& data, const Model* policy) {
  DomainOptions options;
  options.oracle = data.oracle;
  options.policy = policy;
  options.horizon = data.horizon;
  options.discount = data.discount;
  return make_domain(data.domain, options);
}

EpisodeShape episode_shape(const Model& model, const Domain& domain, const EpisodeOptions& given) {
  EpisodeOptions episode = given;
  episode.inner_steps = std::max(episode.inner_steps, 2);
  const auto task = domain.group<float>(1, episode);
  task->draw({});
  const auto theta = model.initial<float>(0);
  const auto first = task->support(0, {theta.data(), 0, 0});
  const auto second = task->support(1, {theta.data(), 0, 1});
  // A batch stays as it is until the next draw, so one that comes twice has the same data twice.
  return {first.rows, task->query({theta.data(), 0, 1}).rows, first.x == second.x && first.rows == second.rows};
}

Experiment::Experiment(const Options& given)
    : options(resolved(given)), model(std::make_unique<Model>(options.model)),
      domain(make_domain(options.data, model.get())) {}

Weights Experiment::initial() const {
  if (!options.train.init.empty()) return read_checkpoint(options.train.init, *this, false).weights;
  return {model->initial<float>(options.train.seed), InnerLoop<float>(*model, options.inner).initial_rates(),
          model->initial_state<float>()};
}

int Experiment::threads() const {
  return options.train.threads > 0 ? options.train.threads : available_threads();
}

}  // namespace maml
