#include <doctest/doctest.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "maml/base/error.h"
#include "maml/io/csv_log.h"
#include "maml/kernels/isa.h"
#include "maml/train/trainer.h"
#include "tests/io/scratch_folder.h"
#include "tests/train/small_run.h"

using namespace maml;
using maml_test::bytes_of;
using maml_test::put_bytes;
using test::error_of;
using test::small_run;

namespace {

/// The files that must not depend on what happened on the way.
std::string results(const RunFolder& folder) {
  std::string all;
  for (const auto& file : {folder.checkpoint(), folder.best(), folder.metrics(), folder.evaluation()}) {
    const std::string bytes = bytes_of(file);
    CHECK(!bytes.empty());
    all += bytes;
  }
  return all;
}

std::string whole_run(const Options& options) {
  const maml_test::ScratchFolder scratch;
  const auto folder = RunFolder::create(scratch.file("run"), resolved(options));
  train(options, folder);
  return results(folder);
}

/// Stops after so many iterations of this call.
Callbacks stop_after(int iterations) {
  Callbacks callbacks;
  callbacks.stop = [iterations, done = 0]() mutable { return ++done == iterations; };
  return callbacks;
}

}  // namespace

TEST_CASE("trainer: a folder that is being trained is refused to a second trainer") {
  const maml_test::ScratchFolder scratch;
  const Options options = resolved(small_run());
  const auto folder = RunFolder::create(scratch.file("run"), options);
  std::string second, over;
  Callbacks callbacks;
  callbacks.stop = [&] {
    second = error_of([&] { train(options, folder); });
    over = error_of([&] { RunFolder::create(folder.path(), options, true); });
    return true;
  };
  CHECK(train(options, folder, callbacks).stopped);
  CHECK(second ==
        "[" + folder.path() + "] is being trained by another process (wait for it, stop it, or choose another folder)");
  CHECK(over == second);
  CHECK_FALSE(train(options, folder).stopped);
}

TEST_CASE("trainer: a run leaves its folder complete, and reports") {
  const maml_test::ScratchFolder scratch;
  const Options options = resolved(small_run());
  const auto folder = RunFolder::create(scratch.file("a/b/"), options);
  CHECK(folder.path() == scratch.file("a/b"));
  Callbacks callbacks;
  callbacks.progress_seconds = 0;
  std::vector<Progress> reports;
  callbacks.progress = [&](const Progress& progress) { reports.push_back(progress); };
  const auto summary = train(options, folder, callbacks);
  CHECK(summary.iteration == 20);
  CHECK_FALSE(summary.stopped);
  CHECK(summary.metric == "mse");
  CHECK(summary.evaluation.value().steps.size() == 4);
  CHECK(reports.size() == 20);
  CHECK(reports.back().iteration == 20);
  CHECK(reports.back().validation.has_value());
  CHECK(reports.back().seconds_left == 0);

  const auto metrics = read_csv(folder.metrics());
  CHECK(metrics.column("iteration") == std::vector<double>{3, 6, 7, 9, 12, 14, 15, 18, 20});
  CHECK(std::isnan(metrics.column("validation")[0]));
  CHECK(metrics.column("validation")[2] > 0);
  const double mean = (reports[0].meta_loss + reports[1].meta_loss + reports[2].meta_loss) / 3;
  CHECK(metrics.column("meta_loss")[0] == doctest::Approx(mean));
  CHECK(read_csv(folder.timing()).column("seconds").size() == 9);
  CHECK(bytes_of(folder.config()) == to_toml(options));
  CHECK(bytes_of(folder.record()).find("iteration 0: ") == 0);
  CHECK(parse_evaluations(bytes_of(folder.evaluation()), "eval.json").at(0).steps[3].mean ==
        summary.evaluation->steps[3].mean);

  const LoadedRun best = load_run(folder.path());
  CHECK(best.weights.parameters == summary.weights.parameters);
  CHECK(best.iteration == summary.best.value().iteration);
  CHECK(load_run(folder.path(), Which::latest).iteration == 20);
}

TEST_CASE("trainer: stopped anywhere and resumed, a run has the bytes of one never stopped") {
  Options options = small_run();
  options.outer.algorithm = "meta_sgd";
  options.outer.schedule = "cosine";
  const std::string expected = whole_run(options);
  for (int first = 1; first < 20; ++first) {
    const maml_test::ScratchFolder scratch;
    const auto folder = RunFolder::create(scratch.file("run"), resolved(options));
    const auto summary = train(options, folder, stop_after(first));
    CHECK(summary.stopped);
    CHECK(summary.iteration == first);
    CHECK_FALSE(std::filesystem::exists(folder.evaluation()));
    train(options, folder, stop_after(3));
    const auto last = train(options, folder);
    CHECK(last.resumed_at == std::min(first + 3, 20));
    CHECK(results(folder) == expected);
  }
}

TEST_CASE("trainer: killed between any two steps of its writing and resumed, the bytes are the same") {
  const Options options = small_run();
  const std::string expected = whole_run(options);
  int killed = 0;
  for (const char* point :
       {"checkpoint.before_write", "checkpoint.after_write", "checkpoint.after_fsync", "checkpoint.after_rename",
        "best.before_write", "best.after_write", "best.after_fsync", "best.after_rename", "metrics.append",
        "eval.before_write", "eval.after_write", "eval.after_rename"}) {
    for (int count = 1; count <= 4; ++count) {
      const maml_test::ScratchFolder scratch;
      const auto folder = RunFolder::create(scratch.file("run"), resolved(options));
      const int status = maml_test::in_child([&] {
        ::setenv("MAML_KILL_AT", (std::string(point) + ":" + std::to_string(count)).c_str(), 1);
        train(options, folder);
        return 0;
      });
      killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
      train(options, folder);
      INFO(point, ":", count);
      CHECK(results(folder) == expected);
    }
  }
  CHECK(killed >= 28);
}

TEST_CASE("trainer: the bytes depend neither on threads nor on groups nor on the budget") {
  Options options = small_run();
  options.inner.learned = "layer-step";
  const std::string expected = whole_run(options);
  options.train.threads = 2;
  CHECK(whole_run(options) == expected);
  options.train.group = 3;
  CHECK(whole_run(options) == expected);
  options.train.memory_mib = 1;
  CHECK(whole_run(options) == expected);
}

TEST_CASE("trainer: more iterations can be added to a finished run") {
  Options options = small_run();
  const maml_test::ScratchFolder scratch;
  const auto folder = RunFolder::create(scratch.file("run"), resolved(options));
  train(options, folder);
  options.train.iterations = 30;
  const auto summary = train(options, folder);
  CHECK(summary.resumed_at == 20);
  CHECK(summary.iteration == 30);
  CHECK(read_csv(folder.metrics()).column("iteration").back() == 30);
  CHECK(folder.options().train.iterations == 30);
  options.train.seed = 5;
  CHECK(error_of([&] { train(options, folder); }).find("is of a run with other options") != std::string::npos);
}

TEST_CASE("trainer: a loss that is not finite stops the run and says where; the last checkpoint stays") {
  Options options = small_run();
  options.inner.alpha = 1e30;
  options.train.validate_every = 0;
  const maml_test::ScratchFolder scratch;
  const auto folder = RunFolder::create(scratch.file("run"), resolved(options));
  const auto error = error_of([&] { train(options, folder); });
  CHECK(error == "[" + folder.path() +
                     "] the loss or its gradient ceased to be finite at iteration 1, task 0 (try a smaller inner.alpha "
                     "or outer.rate, or clipping: outer.clip = 10; the checkpoint of iteration 0 is kept)");
  CHECK(load_run(folder.path()).iteration == 0);
}

TEST_CASE("trainer: on another instruction set it goes on with a notice") {
  const Isa here = active_isa();
  if (here == Isa::baseline) return;
  const Options options = small_run();
  const maml_test::ScratchFolder scratch;
  const auto folder = RunFolder::create(scratch.file("run"), resolved(options));
  train(options, folder, stop_after(10));
  use_isa(Isa::baseline);
  std::string notice;
  Callbacks callbacks;
  callbacks.notice = [&](const std::string& text) { notice += text; };
  train(options, folder, callbacks);
  use_isa(here);
  CHECK(notice.find(std::string("was computed with ") + isa_name(here) + ", this machine uses baseline") !=
        std::string::npos);
  CHECK(bytes_of(folder.record()).find("iteration 10: baseline") != std::string::npos);
}

TEST_CASE("run folder: what holds a run is not overwritten unasked; what is no run is refused") {
  const maml_test::ScratchFolder scratch;
  const Options options = resolved(small_run());
  const std::string path = scratch.file("run");
  const auto folder = RunFolder::create(path, options);
  CHECK(is_run_folder(path));
  CHECK(error_of([&] { RunFolder::create(path, options); }) ==
        "[" + path + "] holds a run already (resume it, overwrite it, or choose another folder)");
  CHECK(error_of([&] { load_run(path); }) == "[" + path + "] has no checkpoint yet (train it first)");
  train(options, folder);
  RunFolder::create(path, options, true);
  CHECK_FALSE(std::filesystem::exists(folder.checkpoint()));
  CHECK_FALSE(std::filesystem::exists(folder.metrics()));
  CHECK(error_of([&] { RunFolder::open(scratch.path()); }).find("is no run: it has no config.toml") !=
        std::string::npos);
  CHECK(error_of([&] { RunFolder::open(scratch.file("none")); }).find("does not exist") != std::string::npos);
  put_bytes(scratch.file("file"), "x");
  CHECK(error_of([&] {
          RunFolder::create(scratch.file("file/run"), options);
        }).find("[" + scratch.file("file/run") + "] cannot be made: ") == 0);
  CHECK(error_of([&] { RunFolder::create("/proc/run", options); }).find("[/proc/run] cannot be made: ") == 0);
}
