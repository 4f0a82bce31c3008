#include "maml/train/protocol_tasks.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "maml/base/error.h"

namespace maml {

namespace {

/// The mode that a protocol's tasks are evaluated in.
Mode mode_of(const Protocol& protocol) {
  return {.evaluating = true, .statistics = protocol.statistics};
}

Purpose purpose_of(const Protocol& protocol) {
  return protocol.split == "test" ? Purpose::test_task : Purpose::validation_task;
}

EpisodeOptions episode_of(const Experiment& experiment, const Protocol& protocol) {
  InnerOptions inner = experiment.options.inner;
  inner.steps = protocol.steps;
  return episode_options(*experiment.model, mode_of(protocol), inner,
                         {protocol.ways, protocol.shots, protocol.query_shots});
}

}  // namespace

Protocol completed(const Protocol& given, const Experiment& experiment) {
  require(given.tasks >= 1 && given.tasks <= std::numeric_limits<std::uint32_t>::max(), "eval.tasks", "is ",
          given.tasks, ", but must be from 1 to 4294967295");
  require(given.steps >= 0, "eval.steps", "is ", given.steps, ", but must be 0 or above");
  require(std::isfinite(given.alpha), "alpha", "is not finite");
  require(given.split == "test" || given.split == "validation", "split", "unknown value '", given.split,
          "' (known: test, validation)");
  Protocol protocol = given;
  const TaskSize size = test_size(experiment.options.data);
  const auto fill = [](std::size_t& value, std::size_t otherwise) { value = value ? value : otherwise; };
  // As many as shots, if that is what the config says.
  fill(protocol.query_shots, protocol.shots && size.query_shots == size.shots ? protocol.shots : size.query_shots);
  fill(protocol.shots, size.shots);
  fill(protocol.ways, size.ways);
  const Model& model = *experiment.model;
  std::optional<Statistics> statistics;
  for (std::size_t i = 0; i < model.layer_count() && !statistics; ++i)
    statistics = model.layer(i).statistics(mode_of(protocol));
  protocol.statistics = statistics;
  return protocol;
}

ProtocolTasks::ProtocolTasks(const Experiment& experiment, const Weights& weights, const Protocol& protocol)
    : experiment_(experiment), weights_(weights), protocol_(protocol), mode_(mode_of(protocol)),
      episode_(episode_of(experiment, protocol)),
      shape_(episode_shape(*experiment.model, *experiment.domain, episode_, purpose_of(protocol))),
      loop_(*experiment.model, experiment.options.inner, mode_, weights.state.data()), rates_(weights.rates) {
  if (protocol.alpha != 0) std::fill(rates_.begin(), rates_.end(), static_cast<float>(protocol.alpha));
}

ProtocolTasks::Hand ProtocolTasks::hand(std::size_t budget, bool whole, std::function<void()> tick) const {
  AdaptationOptions options;
  options.steps = protocol_.steps;
  options.support_rows = shape_.support_rows;
  options.query_rows = shape_.query_rows;
  options.second_order = false;
  options.budget = budget - std::min(budget, shape_.bytes);
  options.tick = std::move(tick);
  const bool fixed_support = shape_.fixed_support && !whole;
  Hand hand{experiment_.domain->group<float>(1, episode_), loop_.adaptation(options, fixed_support), options,
            fixed_support};
  hand.adaptation->set_rates(rates_.data());
  return hand;
}

std::unique_ptr<TaskGroup<float>> ProtocolTasks::plain_task() const {
  EpisodeOptions episode = episode_;
  episode.inner_batch = 0;
  episode.couple_query = false;
  return experiment_.domain->group<float>(1, episode);
}

Draw ProtocolTasks::draw(std::size_t number) const {
  return {protocol_.seed, purpose_of(protocol_), 0, static_cast<std::uint32_t>(number)};
}

void ProtocolTasks::adapt(Hand& hand, std::size_t number) const {
  hand.task->draw(draw(number));
  const TaskRows rows = hand.task->drawn_rows();
  if (rows.support > hand.options.support_rows || rows.query > hand.options.query_rows) {
    hand.options.support_rows = std::max(hand.options.support_rows, rows.support);
    hand.options.query_rows = std::max(hand.options.query_rows, rows.query);
    hand.adaptation.reset();
    hand.adaptation = loop_.adaptation(hand.options, hand.fixed_support);
    hand.adaptation->set_rates(rates_.data());
  }
  hand.adaptation->run(weights_.parameters.data(), *hand.task);
}

}  // namespace maml
