#include "maml/train/experiment.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/base/workers.h"
#include "maml/io/image_pack_index.h"
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
  options.rotations = data.rotations;
  options.rows = data.rows;
  options.columns = data.columns;
  if (!data.file.empty()) options.file = find_data_file(data.file);
  return make_domain(data.domain, options);
}

std::string find_data_file(const std::string& file) {
  namespace fs = std::filesystem;
  std::vector<std::string> places = {file};
  if (!fs::path(file).is_absolute()) {
    const char* folder = std::getenv("MAML_DATA");
    places.push_back((fs::path(folder && *folder ? folder : "data") / file).string());
  }
  std::error_code unreadable;
  for (const auto& place : places)
    if (fs::is_regular_file(place, unreadable)) return place;
  fail("data.file", "there is no ", join(places), " (make it with maml data import, see maml data --help; or set ",
       "MAML_DATA to the folder that holds it)");
}

std::string licence_of(const DataOptions& data) {
  const bool is_older = data.licence.empty() && data.file.find("mini-imagenet") != std::string::npos;
  return is_older ? imagenet_terms : data.licence;
}

TaskSize training_size(const DataOptions& data) {
  return {data.ways, data.shots, data.query_shots};
}

TaskSize test_size(const DataOptions& data) {
  const auto otherwise = [](std::size_t size, std::size_t trained) { return size ? size : trained; };
  TaskSize size;
  size.ways = otherwise(data.test_ways, data.ways);
  size.shots = otherwise(data.test_shots, data.shots);
  // As many as shots, if that is what training has.
  size.query_shots = otherwise(data.test_query_shots, data.query_shots == data.shots ? size.shots : data.query_shots);
  return size;
}

EpisodeOptions episode_options(const Model& model, Mode mode, const InnerOptions& inner, const TaskSize& size) {
  require(model.loss().name() != "cross_entropy" || size.ways <= model.output().size(), "data.ways", "is ", size.ways,
          ", but the model tells ", model.output().size(), " classes apart (change the size of the last layer)");
  EpisodeOptions episode;
  episode.ways = size.ways;
  episode.shots = size.shots;
  episode.query_shots = size.query_shots;
  episode.inner_batch = inner.batch;
  episode.inner_steps = std::max(inner.steps, 1);
  episode.couple_query = model.couples_query(mode);
  return episode;
}

EpisodeShape episode_shape(const Model& model, const Domain& domain, const EpisodeOptions& given, Purpose purpose) {
  EpisodeOptions episode = given;
  episode.inner_steps = std::max(episode.inner_steps, 2);
  const auto task = domain.group<float>(1, episode);
  task->draw({.purpose = purpose});
  const auto theta = model.initial<float>(0);
  const auto first = task->support(0, {theta.data(), 0, 0});
  const auto second = task->support(1, {theta.data(), 0, 1});
  // A batch stays as it is until the next draw, so one that comes twice has the same data twice.
  return {first.rows, task->query({theta.data(), 0, 1}).rows, first.x == second.x && first.rows == second.rows,
          task->bytes()};
}

Experiment::Experiment(const Options& given)
    : options(resolved(given)), model(std::make_unique<Model>(options.model)),
      domain(make_domain(options.data, model.get())) {
  require_fit(*model, *domain);
  if (options.data.preparation.empty()) options.data.preparation = domain->preparation();
  if (options.data.columns.empty()) options.data.columns = domain->columns();
  if (options.data.licence.empty()) options.data.licence = domain->licence();
}

Experiment::Experiment(const Options& given, std::unique_ptr<Model> of_model, std::unique_ptr<Domain> of_domain)
    : options(given), model(std::move(of_model)), domain(std::move(of_domain)) {
  require_fit(*model, *domain);
}

Weights Experiment::initial() const {
  if (!options.train.init.empty()) return read_weights(options.train.init, *model, options, options.train.init_take);
  return {model->initial<float>(options.train.seed), InnerLoop<float>(*model, options.inner).initial_rates(),
          model->initial_state<float>()};
}

int Experiment::threads() const {
  return options.train.threads > 0 ? options.train.threads : available_threads();
}

}  // namespace maml
