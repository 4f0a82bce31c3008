#include "maml/train/tensorboard.h"

#include <doctest/doctest.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "maml/io/csv_log.h"
#include "maml/io/gnuplot.h"
#include "maml/train/plots.h"
#include "maml/train/trainer.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/events.h"
#include "tests/train/small_run.h"

using namespace maml;
using maml_test::bytes_of;
using maml_test::ScratchFolder;
using test::read_events;
using test::shown;
using test::small_run;

namespace {

using Points = std::vector<std::pair<std::int64_t, float>>;
using Files = std::vector<std::vector<test::ReadEvent>>;

Options logged_run() {
  Options options = small_run();
  options.train.tensorboard = true;
  return options;
}

/// All event files of a folder, each whole to its end.
Files whole_files(const std::string& folder) {
  Files files;
  for (const auto& path : event_files(folder)) {
    std::string rest;
    files.push_back(read_events(bytes_of(path), &rest));
    CHECK(rest.empty());
  }
  return files;
}

/// A column of a log as TensorBoard shows it: iterations and values, without empty cells.
Points points_of(const std::string& csv, const std::string& column) {
  const CsvTable table = read_csv(csv);
  Points points;
  for (std::size_t i = 0; i < table.rows(); ++i)
    if (const double value = table.column(column)[i]; !std::isnan(value))
      points.emplace_back(static_cast<std::int64_t>(table.columns[0][i]), static_cast<float>(value));
  return points;
}

/// Scalars are those of the logs and of the evaluation, nothing twice, nothing that was taken back.
void check_shows(const Files& files, const RunFolder& folder, std::int64_t end) {
  const std::pair<const char*, const char*> columns[] = {
      {"train/loss", "meta_loss"},  {"train/mse_before", "pre"}, {"train/mse_after", "post"},
      {"train/outer_rate", "rate"}, {"val/mse", "validation"},   {"val/mse_ci95", "validation_ci95"}};
  for (const auto& column : columns) {
    INFO(column.first);
    CHECK(shown(files, column.first) == points_of(folder.metrics(), column.second));
  }
  for (const char* column : {"seconds", "iterations_per_second"})
    CHECK(shown(files, "time/" + std::string(column)) == points_of(folder.timing(), column));
  const auto evaluation = parse_evaluations(bytes_of(folder.evaluation()), "eval.json").at(0);
  CHECK(shown(files, "test/mse") == Points{{end, static_cast<float>(evaluation.steps.at(2).mean)}});
  CHECK(shown(files, "test/mse_ci95") == Points{{end, static_cast<float>(evaluation.steps.at(2).ci95)}});
}

Callbacks stop_after(int iterations) {
  Callbacks callbacks;
  callbacks.stop = [iterations, done = 0]() mutable { return ++done == iterations; };
  return callbacks;
}

std::string results(const RunFolder& folder) {
  return bytes_of(folder.checkpoint()) + bytes_of(folder.best()) + bytes_of(folder.metrics()) +
         bytes_of(folder.evaluation());
}

}  // namespace

TEST_CASE("TensorBoard: a run's event file has its logs, its evaluation and its hyper-parameters") {
  const ScratchFolder scratch;
  const auto folder = RunFolder::create(scratch.file("run"), resolved(logged_run()));
  const double before = event_seconds();
  train(logged_run(), folder);
  const Files files = whole_files(folder.path());
  REQUIRE(files.size() == 1);
  CHECK(files[0].at(0).version == "brain.Event:2");
  check_shows(files, folder, 20);
  double last = before;
  for (const auto& event : files[0]) {
    CHECK_FALSE(event.is_start);
    CHECK(event.seconds >= last);
    last = event.seconds;
  }
  CHECK(last <= event_seconds());
  const auto& hparams = files[0].at(1).plugin_data;
  CHECK(hparams.at("_hparams_/experiment").find("val/mse") != std::string::npos);
  const std::string& start = hparams.at("_hparams_/session_start_info");
  for (const char* key : {"inner.alpha", "inner.steps", "outer.algorithm", "data.shots", "train.iterations"})
    CHECK(start.find(key) != std::string::npos);
  CHECK(start.find("train.threads") == std::string::npos);
  CHECK(files[0].back().plugin_data.count("_hparams_/session_end_info") == 1);
}

TEST_CASE("TensorBoard: results have the same bytes with and without its event files") {
  const ScratchFolder scratch;
  const auto with = RunFolder::create(scratch.file("with"), resolved(logged_run()));
  const auto without = RunFolder::create(scratch.file("without"), resolved(small_run()));
  train(logged_run(), with);
  train(small_run(), without);
  CHECK(results(with) == results(without));
  CHECK(event_files(without.path()).empty());
}

TEST_CASE("TensorBoard: a resumed run has a new file that takes back what is done again") {
  for (int first = 1; first < 20; ++first) {
    const ScratchFolder scratch;
    const auto folder = RunFolder::create(scratch.file("run"), resolved(logged_run()));
    train(logged_run(), folder, stop_after(first));
    train(logged_run(), folder);
    train(logged_run(), folder);  // of a finished run: the evaluation again
    const Files files = whole_files(folder.path());
    REQUIRE(files.size() == 3);
    CHECK(files[1].at(0).version == "brain.Event:2");
    CHECK(files[1].at(1).is_start);
    CHECK(files[1].at(1).step == first);
    CHECK(files[2].at(1).step == 20);
    check_shows(files, folder, 20);
  }
}

TEST_CASE("TensorBoard: after a kill the files hold whole records, and a resume takes back the lost rows") {
  for (const char* point : {"checkpoint.before_write:3", "checkpoint.after_rename:3", "metrics.append:8",
                            "best.after_rename:2", "eval.before_write:1", "eval.after_rename:1"}) {
    INFO(point);
    const ScratchFolder scratch;
    const auto folder = RunFolder::create(scratch.file("run"), resolved(logged_run()));
    const int status = maml_test::in_child([&] {
      ::setenv("MAML_KILL_AT", point, 1);
      train(logged_run(), folder);
      return 0;
    });
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    CHECK(whole_files(folder.path()).size() == 1);
    train(logged_run(), folder);
    check_shows(whole_files(folder.path()), folder, 20);
  }
}

TEST_CASE("TensorBoard: switched on at a resume, the file has the rows from the beginning") {
  const ScratchFolder scratch;
  const auto folder = RunFolder::create(scratch.file("run"), resolved(small_run()));
  train(small_run(), folder, stop_after(10));
  train(logged_run(), folder);
  const Files files = whole_files(folder.path());
  REQUIRE(files.size() == 1);
  check_shows(files, folder, 20);
  CHECK_FALSE(files[0].at(1).is_start);
}

TEST_CASE("TensorBoard: the event file of a finished run says what it would have written itself") {
  const ScratchFolder scratch;
  const auto folder = RunFolder::create(scratch.file("run"), resolved(small_run()));
  train(small_run(), folder);
  std::string rest;
  const std::string bytes = event_file_of(folder);
  const Files files = {read_events(bytes, &rest)};
  CHECK(rest.empty());
  check_shows(files, folder, 20);
  CHECK(event_file_of(folder) == bytes);
  // Rows stand as far apart as timing.csv says.
  const auto seconds = read_csv(folder.timing()).column("seconds");
  std::vector<double> times;
  for (const auto& event : files[0])
    if (event.scalars.count("train/loss")) times.push_back(event.seconds);
  REQUIRE(times.size() == seconds.size());
  for (std::size_t i = 1; i < times.size(); ++i) CHECK(std::abs(times[i] - times[i - 1] - seconds[i]) < 1e-5);
  // Evaluations by other protocols have tags of their own.
  auto other = parse_evaluations(bytes_of(folder.evaluation()), "eval.json").at(0);
  other.protocol.name = "strict";
  other.steps.at(2).mean = 0.5;
  save_evaluation(folder.evaluation(), other);
  CHECK(shown({read_events(event_file_of(folder))}, "test/mse_strict") == Points{{20, 0.5f}});
}

TEST_CASE("TensorBoard: an overwritten run leaves no event file behind") {
  const ScratchFolder scratch;
  const auto folder = RunFolder::create(scratch.file("run"), resolved(logged_run()));
  train(logged_run(), folder, stop_after(3));
  CHECK(event_files(folder.path()).size() == 1);
  RunFolder::create(folder.path(), resolved(small_run()), true);
  CHECK(event_files(folder.path()).empty());
}

TEST_CASE("TensorBoard: pictures of a plot stand in a file beside them, and in a run's one file") {
  if (!gnuplot_available()) return;
  const ScratchFolder scratch;
  const auto folder = RunFolder::create(scratch.file("run"), resolved(logged_run()));
  train(logged_run(), folder);
  const PlotSummary summary = plot_run(folder.path(), {.tasks = 4, .threads = 1});
  plot_run(folder.path(), {.tasks = 4, .threads = 1});
  const Files files = whole_files(folder.plots());
  REQUIRE(files.size() == 2);
  CHECK(event_files(folder.plots())[0] == summary.events);
  const auto& pictures = files[0].at(1);
  CHECK(pictures.step == load_run(folder.path()).iteration);
  CHECK(pictures.pictures.size() == summary.files.size());
  // A picture of 520 x 340 points has two pixels for each.
  CHECK(pictures.pictures.at("plots/learning") == std::vector<int>{680, 1040, 3});
  CHECK(files[1].at(1).is_start);
  CHECK(files[1].at(1).step == pictures.step);
  bool found = false;
  for (const auto& event : read_events(event_file_of(folder))) found = found || event.pictures == pictures.pictures;
  CHECK(found);
}
