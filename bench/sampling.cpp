// How much of a training iteration goes into its tasks? Meta-iterations whose tasks are drawn and prefetched as in
// training take turns with the same on tasks that stay; the ratio of each pair's times, and the median of the pairs.
// The outer step is made at rate 0, so all stand at the same weights. Where a preset's pack is not found (MAML_DATA,
// data/), random pictures are packed into a temporary file.
//
//     sampling [--only TEXT] [--threads N] [--pairs N] [--json FILE]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/flags.h"
#include "maml/base/error.h"
#include "maml/base/rng.h"
#include "maml/io/atomic_file.h"
#include "maml/io/image_pack.h"
#include "maml/kernels/isa.h"
#include "maml/train/experiment.h"
#include "maml/train/meta_batch.h"
#include "maml/train/outer.h"
#include "tests/io/scratch_folder.h"

namespace maml::bench {

namespace {

/// The tasks of iteration 0 at every iteration, all of them drawn at the first.
class FixedGroup final : public TaskGroup<float> {
public:
  FixedGroup(const Domain& domain, std::size_t tasks, std::size_t group, const EpisodeOptions& options) {
    for (std::size_t first = 0; first < tasks; first += group)
      groups_.emplace(std::min(first, tasks - group), domain.group<float>(group, options));
  }
  void draw(const Draw& draw) override {
    for (auto& [first, group] : groups_)
      if (!now_) group->draw({draw.seed, draw.purpose, 0, static_cast<std::uint32_t>(first)});
    now_ = groups_.at(draw.first).get();
  }
  Batch<float> support(int k, Point<float> at) override { return now_->support(k, at); }
  Batch<float> query(Point<float> at) override { return now_->query(at); }

private:
  std::map<std::size_t, std::unique_ptr<TaskGroup<float>>> groups_;  // by their first task
  TaskGroup<float>* now_ = nullptr;
};

/// A domain whose training tasks stay the same `tasks`.
class FixedDomain final : public Domain {
public:
  FixedDomain(const Domain& domain, std::size_t tasks) : domain_(domain), tasks_(tasks) {}
  Shape input() const override { return domain_.input(); }
  std::size_t targets() const override { return domain_.targets(); }
  std::size_t classes() const override { return domain_.classes(); }
  std::unique_ptr<TaskGroup<float>> group_f32(std::size_t tasks, const EpisodeOptions& options) const override {
    return std::make_unique<FixedGroup>(domain_, std::max(tasks, tasks_), tasks, options);
  }
  std::unique_ptr<TaskGroup<double>> group_f64(std::size_t tasks, const EpisodeOptions& options) const override {
    return domain_.group<double>(tasks, options);
  }

private:
  const Domain& domain_;
  const std::size_t tasks_;
};

/// Meta-iterations of an experiment on tasks of that domain.
class Iterations {
public:
  Iterations(const Experiment& experiment, const Domain& domain, int threads)
      : weights_(experiment.initial()),
        batch_(*experiment.model, domain,
               meta_batch_options(experiment.options, threads, experiment.options.train.memory_mib << 20)),
        outer_(experiment.options.outer, weights_.parameters.size()) {}

  /// Seconds that `count` of them take.
  double run(int count) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
      auto& result = batch_.gradient(weights_.parameters.data(), weights_.rates.data(), weights_.state.data(), next_++);
      outer_.step(weights_.parameters.data(), result.gradient.data(), 0.0);
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

private:
  Weights weights_;
  MetaBatch<float> batch_;
  OuterOptimiser<float> outer_;
  std::uint32_t next_ = 0;
};

/// Random pictures in as many classes as the preset's data set, fewer of each.
void write_random_pack(const std::string& path, const std::vector<std::size_t>& input) {
  const bool is_omniglot = input[0] == 28;
  PackIndex plan;
  plan.height = input[0];
  plan.width = input[1];
  plan.channels = input[2];
  plan.about = "random pictures of a bench";
  const std::size_t classes = is_omniglot ? 1100 : 64;
  for (const Split split : all_splits)
    for (std::size_t c = 0; c < (split == Split::train ? classes : 20); ++c)
      plan.classes.push_back({to_string(split) + std::to_string(c), "", split, 0, is_omniglot ? 20u : 100u, 0});
  ImagePackWriter writer(path, plan);
  std::vector<std::uint8_t> pixels(plan.image_bytes());
  Rng rng(0, Purpose::check);
  for (std::size_t c = 0; c < plan.classes.size(); ++c)
    for (std::uint64_t i = 0; i < plan.classes[c].count; ++i) {
      for (auto& pixel : pixels) pixel = static_cast<std::uint8_t>(rng.next());
      writer.put(c, i, pixels);
    }
  writer.finish();
}

bool is_there(const std::string& file) {
  try {
    return !find_data_file(file).empty();
  } catch (const Error&) {
    return false;
  }
}

/// Every class is read once by a run, to be compared with its checksum: that is over before the clock starts.
void read_classes(const Experiment& experiment) {
  const auto group = experiment.domain->group<float>(
      1, episode_options(*experiment.model, {}, experiment.options.inner, training_size(experiment.options.data)));
  const auto draws = static_cast<std::uint32_t>(2 * experiment.domain->classes());
  for (std::uint32_t i = 0; i < draws; ++i) group->draw({1, Purpose::train_task, i, 0});
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

nlohmann::ordered_json measure(const std::string& name, int threads, int pairs) {
  const maml_test::ScratchFolder scratch;
  Options options = preset(name, preset_folders());
  const bool has_data = is_there(options.data.file);
  if (!has_data) {
    options.data.file = scratch.file("random.maml");
    write_random_pack(options.data.file, options.model.input);
  }
  const Experiment experiment(options);
  read_classes(experiment);
  const FixedDomain same(*experiment.domain, options.data.tasks);
  Iterations drawn(experiment, *experiment.domain, threads), fixed(experiment, same, threads);
  drawn.run(1);
  fixed.run(1);
  int count = 1;  // of a turn: 50 ms or more
  while (fixed.run(count) < 0.05) count *= 2;

  std::vector<double> ratios, seconds;
  for (int pair = 0; pair < pairs; ++pair) {
    double of_drawn = 0, of_fixed = 0;
    if (pair % 2) of_drawn = drawn.run(count);
    of_fixed = fixed.run(count);
    if (pair % 2 == 0) of_drawn = drawn.run(count);
    ratios.push_back(of_drawn / of_fixed);
    seconds.push_back(of_fixed / count);
  }
  const double ratio = median(ratios), time = median(seconds);
  std::printf("%-26s %s, %d threads, %s: %.2f ms an iteration on a fixed batch, with sampling %.4f times that "
              "(median of %d pairs)\n",
              name.c_str(), isa_name(active_isa()), threads, has_data ? options.data.file.c_str() : "random pictures",
              time * 1e3, ratio, pairs);
  std::fflush(stdout);
  return {{"preset", name},     {"isa", isa_name(active_isa())},
          {"threads", threads}, {"data", has_data ? options.data.file : "random"},
          {"pairs", pairs},     {"seconds_per_iteration_fixed", time},
          {"ratio", ratio}};
}

void run(const Flags& flags) {
  const std::string only = flags.text("only", "");
  const int threads = std::max(1, flags.number("threads", 1)), pairs = std::max(1, flags.number("pairs", 21));
  auto all = nlohmann::ordered_json::array();
  for (const std::string name : {"omniglot-mlp-5way-1shot", "omniglot-5way-1shot", "mini-imagenet-5way-1shot"})
    if (name.find(only) != std::string::npos) all.push_back(measure(name, threads, pairs));
  if (const std::string file = flags.text("json", ""); !file.empty()) write_atomically(file, all.dump(2) + "\n");
}

}  // namespace
}  // namespace maml::bench

int main(int argc, char** argv) try {
  maml::bench::run(maml::bench::Flags(argc, argv, {"only", "threads", "pairs", "json"}));
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
