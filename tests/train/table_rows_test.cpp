#include "maml/train/table_rows.h"

#include <doctest/doctest.h>

#include <cmath>

#include "maml/base/error.h"
#include "maml/tasks/table.h"
#include "maml/train/adapted_file.h"
#include "maml/train/run_folder.h"
#include "maml/train/trainer.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/error_of.h"
#include "tests/support/task_packs.h"
#include "tests/train/small_run.h"

using namespace maml;
using maml::test::error_of;
using maml_test::ScratchFolder;
using maml_test::small_task_pack;

namespace {

/// A run that takes milliseconds, on the pack in that file.
Options small_table_run(const std::string& file) {
  Options options = maml::test::small_run();
  options.model.input = {2};
  options.model.layers = {"linear 8 init=he", "tanh", "linear 1 init=he"};
  options.data.domain = "table";
  options.data.file = file;
  options.data.shots = 3;
  options.data.query_shots = 4;
  options.train.iterations = 10;
  options.train.validate_every = 5;
  return options;
}

void train_in(const std::string& run, const Options& given) {
  const Options options = require_trainable(given);
  (void)train(options, RunFolder::create(run, options));
}

const std::string table_text = "load,note,hour,\"temperature, outside\",sensor\n"
                               "1003,x,3,6,s1\n1004,\"y, z\",4,8,s1\n1050,,50,100,s1\n1,,1,1,s2\n";

}  // namespace

TEST_CASE("tables: what a training learned on stays with the run and the adapted file; predictions are in the targets' "
          "units") {
  const ScratchFolder folder;
  const std::string file = folder.file("pack.safetensors"), run = folder.file("run");
  write_task_pack(file, small_task_pack());
  train_in(run, small_table_run(file));
  const LoadedRun loaded = load_run(run);
  const Columns& columns = table_columns(loaded, "run");
  CHECK(columns == columns_of(small_task_pack(), "p"));

  const TextTable table = parse_table(table_text, "t.csv");
  const RowNumbers rows = rows_where(table, "sensor=s1");
  CHECK(rows == RowNumbers{0, 1, 2});
  const auto x = inputs_in(table, rows, columns), y = targets_in(table, rows, columns);
  CHECK(x[2] == static_cast<float>(columns.standardised(0, 4)));
  CHECK(x[3] == static_cast<float>(columns.standardised(1, 8)));
  CHECK(y[1] == static_cast<float>(columns.standardised(2, 1004)));

  const AdaptedModel adapted = adapt(loaded, {x, y});
  const auto values = predicted(adapted, x, columns);
  const auto outputs = adapted.outputs(x);
  double squares = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(values[i] == columns.restored(2, static_cast<double>(outputs[i])));
    squares += std::pow(values[i] - (i == 0 ? 1003 : i == 1 ? 1004 : 1050), 2) / 3;
  }
  CHECK(rms_errors(adapted, x, y, columns)[0] == doctest::Approx(std::sqrt(squares)).epsilon(1e-5));

  const std::string kept = folder.file("kept.safetensors");
  write_adapted(kept, loaded, adapted, {});
  const LoadedAdapted again = read_adapted(kept);
  CHECK(table_columns(again.loaded, kept) == columns);
  CHECK(predicted(again.adapted, x, columns) == values);

  const std::string text = with_predictions(table, rows, columns, values);
  const TextTable written = parse_table(text, "p.csv");
  CHECK(written.names() ==
        std::vector<std::string>{"load", "note", "hour", "temperature, outside", "sensor", "predicted_load"});
  REQUIRE(written.rows() == 3);
  CHECK(written.cell(1, 1) == "y, z");
  for (std::size_t i = 0; i < 3; ++i) CHECK(written.number(i, 5) == values[i]);
  CHECK(error_of([&] { (void)with_predictions(written, rows, columns, values); }).find("already") != std::string::npos);
}

TEST_CASE("tables: a resumed run keeps its standardisation, whatever the pack holds meanwhile") {
  const ScratchFolder folder;
  const std::string file = folder.file("pack.safetensors"), run = folder.file("run");
  write_task_pack(file, small_task_pack());
  train_in(run, small_table_run(file));
  const Columns before = load_run(run).options.data.columns;
  TaskPack moved = small_task_pack();
  for (auto& value : moved.y) value += 5000;
  write_task_pack(file, moved);
  const Experiment again(RunFolder::open(run).options());
  CHECK(again.options.data.columns == before);
  CHECK(again.domain->columns() == before);
}

TEST_CASE("tables: rows, columns and models that do not fit are refused by name") {
  const Columns columns = columns_of(small_task_pack(), "p");
  const TextTable table = parse_table(table_text, "t.csv");
  const RowNumbers all = rows_where(table, "");
  CHECK(all.size() == 4);
  CHECK(error_of([&] { (void)rows_where(table, "sensor"); }).find("write COLUMN=VALUE") != std::string::npos);
  CHECK(error_of([&] { (void)rows_where(table, "sensor=s9"); }).find("has no row where sensor=s9") !=
        std::string::npos);
  CHECK(error_of([&] { (void)rows_where(table, "sensr=s1"); }).find("did you mean sensor?") != std::string::npos);
  CHECK(error_of([&] { require_one_task(table, all, columns); }) ==
        "[t.csv] has rows of 2 tasks by its column sensor (s1, s2), but a model is adapted to one (name it: --where "
        "sensor=s1)");
  CHECK_NOTHROW(require_one_task(table, rows_where(table, "sensor=s2"), columns));
  CHECK(error_of([&] {
          (void)inputs_in(parse_table("hour\n1\n", "t.csv"), RowNumbers{0}, columns);
        }).find("[t.csv] has no column temperature, outside") == 0);
  CHECK(error_of([&] {
          const TextTable far = parse_table("hour,\"temperature, outside\"\n1e300,1\n", "t.csv");
          (void)inputs_in(far, RowNumbers{0}, columns);
        }).find("[t.csv:2] column hour is 1e300, which is too far") == 0);

  LoadedModel loaded;
  loaded.options = resolved(small_table_run("none"));
  loaded.model = std::make_unique<Model>(loaded.options.model);
  CHECK(error_of([&] { (void)table_columns(loaded, "run"); }).find("[run] did not learn from a table") == 0);
  loaded.options.data.columns = columns;
  CHECK(table_columns(loaded, "run") == columns);
  loaded.options.data.columns.inputs.pop_back();
  loaded.options.data.columns.means.pop_back();
  loaded.options.data.columns.deviations.pop_back();
  CHECK(error_of([&] { (void)table_columns(loaded, "run"); }).find("[run] has 2 inputs, 1 outputs") == 0);
}
