// maml.cpp beside the other systems: the meta-gradient, the time of a meta-iteration, and the time to adapt and
// predict, on tasks and parameters from a file (bench/peers/workloads.py makes them; `maml meta-gradient` has the
// format).
//
//     maml_peer --config W.toml --data W.safetensors --mode check --dtype float32|float64 [--iterations N]
//         --out G.safetensors
//     maml_peer --config W.toml --data W.safetensors --mode time [--threads N] [--seconds S] [--rounds R]
//         [--started T]
//     maml_peer --config W.toml --data W.safetensors --mode adapt --form adapt|kept [--steps K] [--seconds S]
//         [--rounds R] [--out P.safetensors]
//     maml_peer --mode peak [--threads N]
//
// check: gradient.NAME of the first meta-batch, and moment.NAME, Adam's first moments after so many iterations. time,
// adapt, peak: one JSON object on standard output; of time and adapt R, each further one when a line comes on standard
// input.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/flags.h"
#include "maml/base/peak_rss.h"
#include "maml/kernels/peak.h"
#include "maml/maml.h"
#include "maml/train/flops.h"

namespace maml::bench {

namespace {

using Json = nlohmann::ordered_json;

/// The tasks of a file, T x N x .., each array as one.
template <class T> struct FileTasks { std::vector<T> support_x, support_y, query_x, query_y; };

/// The tasks of a file as meta-batches one after the other: task i of iteration j is task (j mod batches) * tasks + i
/// of the file. Groups of float read the one copy that there is, since memory is compared too.
class FileDomain : public Domain {
public:
  FileDomain(const TensorFile& file, const Model& model, std::size_t tasks)
      : input_(model.input()), targets_(model.loss().targets(model.output().size())), tasks_(tasks),
        read_(std::make_shared<FileTasks<float>>(
            FileTasks<float>{file.at("support.x").as<float>(), numbers(file.at("support.y")),
                             file.at("query.x").as<float>(), numbers(file.at("query.y"))})) {
    const std::size_t all = file.at("support.x").shape.at(0);
    require(all >= tasks && all % tasks == 0, "support.x", "has ", all, " tasks, but a meta-batch has ", tasks);
    batches_ = all / tasks;
    support_rows_ = rows("support", read_->support_x, read_->support_y, all);
    query_rows_ = rows("query", read_->query_x, read_->query_y, all);
  }

  Shape input() const override { return input_; }
  std::size_t targets() const override { return targets_; }
  std::unique_ptr<TaskGroup<float>> group_f32(std::size_t tasks, const EpisodeOptions& options) const override {
    return std::make_unique<Group<float>>(*this, read_, tasks, options);
  }
  std::unique_ptr<TaskGroup<double>> group_f64(std::size_t tasks, const EpisodeOptions& options) const override {
    const auto converted = [](const std::vector<float>& values) {
      return std::vector<double>(values.begin(), values.end());
    };
    auto all =
        std::make_shared<FileTasks<double>>(FileTasks<double>{converted(read_->support_x), converted(read_->support_y),
                                                              converted(read_->query_x), converted(read_->query_y)});
    return std::make_unique<Group<double>>(*this, std::move(all), tasks, options);
  }

private:
  template <class T> class Group : public TaskGroup<T> {
  public:
    Group(const FileDomain& domain, std::shared_ptr<const FileTasks<T>> all, std::size_t tasks,
          const EpisodeOptions& options)
        : domain_(domain), all_(std::move(all)), shots_(options.shots), tasks_(tasks) {}

    void draw(const Draw& draw) override { first_ = draw.iteration % domain_.batches_ * domain_.tasks_ + draw.first; }
    Batch<T> support(int, Point<T>) override { return batch(all_->support_x, all_->support_y, domain_.support_rows_); }
    Batch<T> query(Point<T>) override { return batch(all_->query_x, all_->query_y, domain_.query_rows_); }

  private:
    Batch<T> batch(const std::vector<T>& x, const std::vector<T>& y, std::size_t rows) const {
      const std::size_t inputs = rows * domain_.input_.size(), targets = rows * domain_.targets_;
      Batch<T> batch;
      batch.tasks = tasks_;
      batch.rows = rows;
      batch.x = x.data() + first_ * inputs;
      batch.x_stride = static_cast<std::ptrdiff_t>(inputs);
      batch.y = y.data() + first_ * targets;
      batch.y_stride = static_cast<std::ptrdiff_t>(targets);
      batch.shots = shots_;
      return batch;
    }
    const FileDomain& domain_;
    const std::shared_ptr<const FileTasks<T>> all_;
    const std::size_t shots_, tasks_;
    std::size_t first_ = 0;
  };

  /// Of one task. Throws where inputs and targets are not of as many rows each.
  std::size_t rows(const std::string& part, const std::vector<float>& x, const std::vector<float>& y,
                   std::size_t all) const {
    const std::size_t found = x.size() / all / input_.size();
    require(x.size() == all * found * input_.size() && y.size() == all * found * targets_, part, "has ", x.size(),
            " inputs and ", y.size(), " targets, which ", all, " tasks of rows of ", input_.size(), " and ", targets_,
            " do not make");
    return found;
  }

  static std::vector<float> numbers(const Tensor& y) {
    if (y.dtype == DType::f32 || y.dtype == DType::f64) return y.as<float>();
    const auto labels = y.as<std::int64_t>();
    return {labels.begin(), labels.end()};
  }

  const Shape input_;
  const std::size_t targets_, tasks_;
  const std::shared_ptr<const FileTasks<float>> read_;
  std::size_t batches_ = 0, support_rows_ = 0, query_rows_ = 0;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// A workload: config, model, tasks, parameters.
struct Setting {
  Options options;
  Model model;
  FileDomain domain;
  std::vector<BorderTensor> border;  // the parameters

  Setting(const std::string& config, const std::string& data) : Setting(config, read_safetensors(data)) {}
  Setting(const std::string& config, const TensorFile& file)
      : options(resolved(load_options(config))), model(options.model), domain(file, model, options.data.tasks) {
    for (const Slice& slice : model.slices()) {
      const Tensor& tensor = file.at(slice.name);
      border.push_back({tensor.name, tensor.shape, tensor.as<double>()});
    }
  }

  template <class T> std::vector<T> parameters() const { return model.from_border<T>(border); }
  /// The preset's budget is for float.
  template <class T> MetaBatchOptions batch_options(int threads) const {
    return meta_batch_options(options, threads, (options.train.memory_mib << 20) * sizeof(T) / sizeof(float));
  }
};

template <class T> void check(const Setting& setting, int threads, int iterations, const std::string& out) {
  auto theta = setting.parameters<T>();
  MetaBatch<T> batch(setting.model, setting.domain, setting.batch_options<T>(threads));
  OuterOptimiser<T> outer(setting.options.outer, theta.size());
  TensorFile file;
  const auto add = [&](const std::string& what, const T* values) {
    for (const auto& tensor : setting.model.to_border<T>(values))
      file.tensors.push_back(Tensor::of(what + tensor.name, tensor.shape, tensor.values.data()));
  };
  for (int i = 0; i < iterations; ++i) {
    auto& gradient = batch.gradient(theta.data(), static_cast<std::uint32_t>(i)).gradient;
    if (i == 0) add("gradient.", gradient.data());
    outer.step(theta.data(), gradient.data());
  }
  add("moment.", outer.moment(0).data());
  write_safetensors(out, file);
}

/// Calls `call` for about so many seconds, after the calls already made, in blocks of about 0.1 s or a call, one at
/// least: the median time of a call. The first call, before which the process may have waited, counts where there is no
/// time for another. The clock of the other systems (peer.py).
template <class Call> Json timed(double seconds, Call&& call) {
  const auto run = [&](long count) {
    const double start = now();
    for (long i = 0; i < count; ++i) call();
    return now() - start;
  };
  const double start = now(), one = run(1);
  const long count = static_cast<long>(std::ceil(0.1 / std::max(one, 1e-7)));
  std::vector<double> blocks;
  if (one >= seconds) blocks.push_back(one);
  while (blocks.empty() || now() - start < seconds) blocks.push_back(run(count) / static_cast<double>(count));
  std::sort(blocks.begin(), blocks.end());
  const double median = (blocks[(blocks.size() - 1) / 2] + blocks[blocks.size() / 2]) / 2;
  return {{"seconds", median}, {"best", blocks.front()}, {"blocks", blocks.size()}};
}

struct Rounds {
  double seconds = 1;
  int count = 1;
};

/// Prints the time of a call and `known` as a line for each round; the rounds after the first when a line comes on
/// standard input, until that ends.
template <class Call> void print_rounds(const Rounds& rounds, int threads, Call&& call, Json known) {
  std::string line;
  for (int i = 0; i < rounds.count && (i == 0 || std::getline(std::cin, line)); ++i) {
    known.update(timed(rounds.seconds, call));
    known["peak_mb"] = peak_rss_mb();
    known["peak_gflops"] = measure_peak_gflops(threads, false, active_isa());
    std::cout << known.dump() << std::endl;
  }
}

void time_iterations(const Setting& setting, int threads, const Rounds& rounds, double started) {
  const double before = peak_rss_mb();
  auto theta = setting.parameters<float>();
  MetaBatch<float> batch(setting.model, setting.domain, setting.batch_options<float>(threads));
  OuterOptimiser<float> outer(setting.options.outer, theta.size());
  std::uint32_t next = 0;
  const auto iterate = [&] { outer.step(theta.data(), batch.gradient(theta.data(), next++).gradient.data()); };
  iterate();
  const double first = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  Json known = {{"before_mb", before},
                {"isa", isa_name(active_isa())},
                {"flop", meta_iteration_flops(setting.options, setting.model, setting.domain)}};
  if (started > 0) known["start_to_first"] = first - started;
  print_rounds(rounds, threads, iterate, std::move(known));
}

/// The first task's support set learned, then its first query row predicted; batch norm by the support rows.
void time_adaptation(Setting& setting, const std::string& form, int steps, const Rounds& rounds,
                     const std::string& out) {
  const double before = peak_rss_mb();
  const std::size_t inputs = setting.model.input().size(), outputs = setting.model.output().size();
  const auto episode = episode_options(setting.model, {}, setting.options.inner, training_size(setting.options.data));
  const auto task = setting.domain.group<float>(1, episode);
  task->draw({});
  const Batch<float> support = task->support(0, {}), query = task->query({});
  const Mode mode{.evaluating = true, .statistics = Statistics::support};
  const std::size_t judged_from = setting.model.couples_query(mode) ? support.rows : 0;
  std::vector<float> prediction(outputs * (judged_from + 1));

  LoadedModel loaded;
  loaded.options = setting.options;
  loaded.model = std::make_unique<Model>(setting.options.model);
  loaded.weights.parameters = setting.parameters<float>();
  loaded.weights.rates = InnerLoop<float>(*loaded.model, loaded.options.inner).initial_rates();
  const Model& model = *loaded.model;
  const auto once = [&] {
    SupportSet set;
    set.x.assign(support.x, support.x + support.rows * inputs);
    set.y.assign(support.y, support.y + support.rows * setting.domain.targets());
    const AdaptedModel adapted = adapt(loaded, std::move(set), {.steps = steps, .statistics = Statistics::support});
    const auto row = adapted.outputs({query.x, inputs});
    std::copy(row.begin(), row.end(), prediction.end() - static_cast<std::ptrdiff_t>(outputs));
  };

  // The same by parts that are kept from one call to the next.
  const InnerLoop<float> loop(model, resolved_inner(loaded.options.inner, "maml", model));
  const auto adaptation = loop.adaptation(
      {.steps = steps, .support_rows = support.rows, .query_rows = support.rows, .second_order = false}, true);
  adaptation->set_rates(loaded.weights.rates.data());
  const Predictor<float> predictor(model, mode);
  std::vector<float> tape(predictor.tape_size(judged_from + 1)), judged((judged_from + 1) * inputs);
  const auto kept = [&] {
    adaptation->run(loaded.weights.parameters.data(), *task);
    std::copy_n(support.x, judged_from * inputs, judged.data());
    std::copy_n(query.x, inputs, judged.data() + judged_from * inputs);
    Batch<float> batch;
    batch.rows = judged_from + 1;
    batch.support_rows = judged_from;
    batch.x = judged.data();
    predictor(adaptation->theta(steps), batch, tape.data(), prediction.data(),
              static_cast<std::ptrdiff_t>(prediction.size()));
  };

  require(form == "adapt" || form == "kept", "--form", "is '", form, "', but must be adapt or kept");
  const auto call = [&] { form == "adapt" ? once() : kept(); };
  call();
  if (!out.empty()) {
    TensorFile file;
    file.tensors.push_back(Tensor::of("prediction", {outputs}, prediction.data() + prediction.size() - outputs));
    write_safetensors(out, file);
  }
  const double flop = adaptation_flops(model, resolved_inner(loaded.options.inner, "maml", model), steps, support.rows,
                                       judged_from + 1);
  print_rounds(rounds, 1, call, {{"before_mb", before}, {"isa", isa_name(active_isa())}, {"flop", flop}});
}

void run(const Flags& flags) {
  const std::string mode = flags.text("mode", "time"), out = flags.text("out", "");
  const int threads = flags.number("threads", 1);
  if (mode == "peak") {
    std::cout << Json{{"peak_gflops", measure_peak_gflops(threads, false, active_isa())}}.dump() << "\n";
    return;
  }
  Setting setting(flags.text("config", ""), flags.text("data", ""));
  const Rounds rounds{.seconds = std::atof(flags.text("seconds", "1").c_str()), .count = flags.number("rounds", 1)};
  if (mode == "check") {
    const std::string dtype = flags.text("dtype", "float32");
    require(dtype == "float32" || dtype == "float64", "--dtype", "is '", dtype, "', but must be float32 or float64");
    const int iterations = flags.number("iterations", 1);
    dtype == "float64" ? check<double>(setting, threads, iterations, out)
                       : check<float>(setting, threads, iterations, out);
    return;
  }
  require(mode == "time" || mode == "adapt", "--mode", "is '", mode, "', but must be check, time, adapt or peak");
  if (mode == "time")
    time_iterations(setting, threads, rounds, std::atof(flags.text("started", "0").c_str()));
  else
    time_adaptation(setting, flags.text("form", "adapt"), flags.number("steps", 1), rounds, out);
}

}  // namespace
}  // namespace maml::bench

int main(int argc, char** argv) try {
  maml::bench::run(maml::bench::Flags(argc, argv,
                                      {"config", "data", "mode", "form", "dtype", "threads", "seconds", "rounds",
                                       "steps", "iterations", "started", "out"}));
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
