#include "maml/images/import_tasks.h"

#include <doctest/doctest.h>

#include <limits>

#include "maml/base/error.h"
#include "maml/export/npz.h"
#include "maml/images/read_npz.h"
#include "maml/images/split_rule.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/error_of.h"

using namespace maml;
using maml::test::error_of;
using maml_test::put_bytes;
using maml_test::ScratchFolder;

namespace {

struct Desk {
  ScratchFolder folder;
  TaskImportOptions options;

  Desk() {
    options.out = folder.file("pack.safetensors");
    options.task = "shop";
    options.inputs = {"day", "price"};
    options.targets = {"sold"};
    options.split = "1/1/1";
  }
  void add(const std::string& name, const std::string& text) {
    put_bytes(folder.file(name), text);
    options.files.push_back(folder.file(name));
  }
  std::string csv_error() const {
    return error_of([&] { (void)import_csv(options); });
  }
};

const std::string header = "shop,day,price,note,sold\n";
const std::string rows = "b,1,2.5,\"x, y\",10\na,2,3,,20\nb,3,4,,30\nc,4,5,,40\na,5,6,,50\nc,6,7,,60\n";

}  // namespace

TEST_CASE("import csv: tasks by name, their rows in the order of the files") {
  Desk desk;
  desk.add("may.csv", header + rows);
  desk.add("june.csv", "\xEF\xBB\xBFsold,shop,price,day\r\n70,a,8,7\r\n");
  const auto summary = import_csv(desk.options);
  CHECK((summary.rows_skipped == 0 && summary.tasks_left_out == 0));
  const TaskPack pack = read_task_pack(desk.options.out);
  CHECK(pack == summary.pack);
  CHECK(pack.task == "shop");
  CHECK(pack.about == "Tasks from may.csv, june.csv; split 1/1/1, seed 0");
  REQUIRE(pack.tasks.size() == 3);
  CHECK((pack.tasks[0].name == "a" && pack.tasks[0].count == 3 && pack.tasks[1].name == "b"));
  CHECK(pack.x == std::vector<double>{2, 3, 5, 6, 7, 8, 1, 2.5, 3, 4, 4, 5, 6, 7});
  CHECK(pack.y == std::vector<double>{20, 50, 70, 10, 30, 40, 60});
  const auto splits = deal(parse_split_rule("1/1/1"), {"a", "b", "c"}, 0, "x");
  for (std::size_t i = 0; i < 3; ++i) CHECK(pack.tasks[i].split == splits[i]);
  CHECK(desk.csv_error().find("exists already (choose another --out") != std::string::npos);
  desk.options.overwrite = true;
  CHECK(desk.csv_error().empty());
}

TEST_CASE("import csv: short tasks and rows without a value are left out where that is asked for, and counted") {
  Desk desk;
  desk.add("t.csv", header + rows + "d,1,1,,1\na,NA,1,,1\n,1,1,,1\nb,1,1,,\n");
  CHECK(desk.csv_error().find("t.csv:9] column day has no value, but 'NA'") != std::string::npos);
  desk.options.on_missing = OnMissing::skip;
  desk.options.min_rows = 2;
  const auto summary = import_csv(desk.options);
  CHECK(summary.rows_skipped == 3);
  CHECK(summary.tasks_left_out == 1);
  CHECK(summary.pack.rows() == 6);
  desk.options.overwrite = true;
  desk.options.min_rows = 3;
  CHECK(desk.csv_error().find("has no task of so many rows (lower --min-rows)") != std::string::npos);
}

TEST_CASE("import csv: what is wrong is refused by file, line and column, and nothing is written") {
  const auto refuses = [](const std::string& text, auto&& change) {
    Desk desk;
    desk.add("t.csv", text);
    change(desk.options);
    std::string error = desk.csv_error();
    CHECK(desk.folder.files() == 1);
    return error;
  };
  const auto as_it_is = [](TaskImportOptions&) {};
  CHECK(refuses(header + "a,1,x,,1\n", as_it_is).find("t.csv:2] column price is to be a number, but is 'x'") !=
        std::string::npos);
  CHECK(refuses(header + ",1,1,,1\n", as_it_is).find("t.csv:2] column shop names no task") != std::string::npos);
  CHECK(refuses("shop,day,cost,sold\n", as_it_is).find("has no column price") != std::string::npos);
  CHECK(refuses(header, as_it_is).find("has no task with a row") != std::string::npos);
  CHECK(refuses(header + "a,1,1,,1\n", as_it_is).find("has 1 tasks, but --split deals out 1 + 1 + 1 = 3") !=
        std::string::npos);
  CHECK(refuses(header + rows, [](auto& o) { o.split = "folders"; }).find("cannot be 'folders'") != std::string::npos);
  CHECK(refuses(header + rows, [](auto& o) {
          o.split = "98%/1%/1%";
        }).find("has too few tasks (3) for a share of 1 %") != std::string::npos);
  CHECK(refuses(header + rows, [](auto& o) { o.task = ""; }).find("needs --task") != std::string::npos);
  CHECK(refuses(header + rows, [](auto& o) { o.targets = {}; }).find("needs --inputs and --targets") !=
        std::string::npos);
  CHECK(refuses(header + rows, [](auto& o) { o.targets = {"price"}; }).find("names the column price twice") !=
        std::string::npos);
  CHECK(refuses("shop,day,price,sold\na,1,2,3\nb,1,2,4\nc,1,2,5\n", as_it_is).find("has the same number, 1") !=
        std::string::npos);
}

TEST_CASE("import npz: rows that name their task, or tasks of equal numbers of rows") {
  const ScratchFolder folder;
  const std::string file = folder.file("arrays.npz");
  const std::vector<double> x = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const std::vector<float> y = {1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> id = {7, 5, 7, 5, 6, 6};
  TensorFile tensors;
  tensors.tensors = {Tensor::of("x", {6, 2}, x.data()),       Tensor::of("y", {6}, y.data()),
                     Tensor::of("id", {6}, id.data()),        Tensor::of("cube", {3, 2, 2}, x.data()),
                     Tensor::of("wide", {3, 2, 1}, y.data()), Tensor::of("pair", {2}, y.data())};
  write_npz(file, tensors);
  TaskImportOptions options;
  options.files = {file};
  options.out = folder.file("pack.safetensors");
  options.overwrite = true;
  options.split = "1/1/1";
  options.task = "id";
  const TaskPack by_row = import_npz(options).pack;
  CHECK(by_row.inputs == std::vector<std::string>{"x0", "x1"});
  CHECK(by_row.targets == std::vector<std::string>{"y0"});
  REQUIRE(by_row.tasks.size() == 3);
  CHECK((by_row.tasks[0].name == "5" && by_row.tasks[2].name == "7"));
  CHECK(by_row.x == std::vector<double>{3, 4, 7, 8, 9, 10, 11, 12, 1, 2, 5, 6});
  CHECK(by_row.y == std::vector<double>{2, 4, 5, 6, 1, 3});

  options.task = "";
  options.x = "cube";
  options.y = "wide";
  options.inputs = {"a", "b"};
  const TaskPack by_task = import_npz(options).pack;
  CHECK(by_task.inputs == options.inputs);
  CHECK((by_task.tasks[1].name == "1" && by_task.tasks[1].count == 2));
  CHECK(by_task.x == x);

  const auto refuses = [&](auto&& change) {
    TaskImportOptions changed = options;
    change(changed);
    return error_of([&] { (void)import_npz(changed); });
  };
  CHECK(refuses([](auto& o) { o.x = "cubes"; }).find("has no array cubes; did you mean cube? (its arrays: cube, id") !=
        std::string::npos);
  CHECK(refuses([](auto& o) { o.x = "x"; }).find("wide] is [3, 2, 1], which does not go with") != std::string::npos);
  CHECK(refuses([](auto& o) { o.x = "x", o.y = "y"; }).find("--task must name the array") != std::string::npos);
  CHECK(refuses([](auto& o) { o.task = "pair"; }).find("but 3 names of tasks are wanted") != std::string::npos);
  CHECK(refuses([](auto& o) { o.inputs = {"a"}; }).find("has 2 columns, but 1 names are given") != std::string::npos);
  CHECK(refuses([](auto& o) { o.task = "y", o.x = "x", o.y = "y"; }).find("with a fraction where names belong") !=
        std::string::npos);

  auto holed = x;
  holed[3] = std::numeric_limits<double>::quiet_NaN();
  tensors.tensors[3] = Tensor::of("cube", {3, 2, 2}, holed.data());
  write_npz(file, tensors);
  CHECK(refuses([](auto&) {}).find("has a number that is not finite in row 1 of task 0") != std::string::npos);
  options.on_missing = OnMissing::skip;
  options.split = "3/0";
  CHECK(import_npz(options).rows_skipped == 1);
}

TEST_CASE("numpy arrays: what NumPy writes is read, all else is refused") {
  const auto npy = [](const std::string& descr, const std::string& shape, const std::string& data,
                      const std::string& order = "False", char version = 1) {
    const std::string head = "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
    std::string file = std::string("\x93NUMPY", 6) + version + '\0' + static_cast<char>(head.size()) + '\0';
    if (version > 1) file += std::string(2, '\0');
    return file + head + data;
  };
  const auto parse = [](const std::string& file) { return NumpyArray::parse(std::as_bytes(std::span(file)), "a"); };
  const auto refuses = [&](const std::string& file) { return error_of([&] { (void)parse(file); }); };
  CHECK(parse(npy("'|b1'", "(3,)", std::string("\1\0\1", 3))).numbers() == std::vector<double>{1, 0, 1});
  CHECK(parse(npy("'<i2'", "(2, 1)", std::string("\1\0\xFF\xFF", 4), "False", 2)).numbers() ==
        std::vector<double>{1, -1});
  CHECK(parse(npy("'<u2'", "()", "\xFF\xFF")).texts() == std::vector<std::string>{"65535"});
  CHECK(parse(npy("'|S3'", "(2,)", std::string("abcd\0\0", 6))).texts() == std::vector<std::string>{"abc", "d"});
  CHECK(parse(npy("'<U2'", "(1,)", std::string("\xE4\0\0\0\0\0\0\0", 8))).texts() ==
        std::vector<std::string>{"\u00E4"});
  CHECK(error_of([&] { (void)parse(npy("'|S1'", "(1,)", "a")).numbers(); }) == "[a] holds texts where numbers belong");
  CHECK(refuses("PK").find("is no array of NumPy's") != std::string::npos);
  CHECK(refuses(npy("'<f8'", "(1,)", "1234567")).find("7 bytes are not [1]") != std::string::npos);
  CHECK(refuses(npy("'<f8'", "(4294967296, 4294967296)", "")).find("too large") != std::string::npos);
  CHECK(refuses(npy("'<f8'", "3", "")).find("has no shape") != std::string::npos);
  CHECK(refuses(npy("'>f8'", "(1,)", "12345678")).find("astype('<f8')") != std::string::npos);
  CHECK(refuses(npy("'|O'", "(1,)", "")).find("holds Python objects") != std::string::npos);
  CHECK(refuses(npy("'<f2'", "(1,)", "12")).find("type '<f2'") != std::string::npos);
  CHECK(refuses(npy("[('a', '<f8')]", "(1,)", "12345678")).find("several parts") != std::string::npos);
  CHECK(refuses(npy("'<f8'", "(1,)", "12345678", "True")).find("column by column") != std::string::npos);
  CHECK(refuses(npy("'<f8'", "(1,)", "12345678").substr(0, 40)).find("cut short or damaged") != std::string::npos);
  CHECK(refuses(npy("'<f8'", "(1,)", "12345678", "False", 4)).find("version") != std::string::npos);
}
