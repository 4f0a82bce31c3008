#include "maml/base/error.h"
#include "maml/io/csv_log.h"
#include "tests/io/scratch_folder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <doctest/doctest.h>
#include <limits>
#include <random>
#include <sys/resource.h>

using namespace maml;
using maml_test::bytes_of;
using maml_test::in_child;
using maml_test::put_bytes;
using maml_test::ScratchFolder;

namespace {

const std::vector<std::string> columns = {"iteration", "loss", "accuracy"};
const double not_a_number = std::numeric_limits<double>::quiet_NaN();
const double infinity = std::numeric_limits<double>::infinity();

void append(CsvLog& log, std::vector<double> row) {
  log.append(row);
}

}  // namespace

TEST_CASE("numbers are written in the shortest form that reads back") {
  CHECK(shortest_text(100000) == "100000");
  CHECK(shortest_text(-3) == "-3");
  CHECK(shortest_text(0.1) == "0.1");
  CHECK(shortest_text(1.5e-7) == "1.5e-07");
  CHECK(shortest_text(1e300) == "1e+300");
  CHECK(shortest_text(-0.0) == "-0");
  CHECK(shortest_text(infinity) == "inf");
  CHECK(shortest_text(not_a_number).empty());
  std::mt19937_64 bits(1);
  std::size_t different = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t drawn = bits();
    double value = 0;
    std::memcpy(&value, &drawn, sizeof value);
    if (std::isnan(value)) continue;
    const double back = parse_csv("x\n" + shortest_text(value) + "\n", "t").columns[0].at(0);
    different += std::bit_cast<std::uint64_t>(back) != std::bit_cast<std::uint64_t>(value) ? 1 : 0;
  }
  CHECK(different == 0);
}

TEST_CASE("rows are appended and read back") {
  const ScratchFolder folder;
  const std::string path = folder.file("metrics.csv");
  CsvLog log = CsvLog::create(path, columns);
  append(log, {0, 4.25, not_a_number});
  append(log, {100000, 0.1, 1});
  log.sync();
  CHECK(bytes_of(path) == "iteration,loss,accuracy\n0,4.25,\n100000,0.1,1\n");
  const CsvTable table = read_csv(path);
  CHECK(table.rows() == 2);
  CHECK(table.names == columns);
  CHECK(table.column("loss") == std::vector<double>{4.25, 0.1});
  CHECK(std::isnan(table.column("accuracy")[0]));
  CHECK(table.has("loss"));
  CHECK_THROWS_WITH_AS(
      table.column("los"),
      ("[" + path + "] has no column los; did you mean loss? (its columns: iteration, loss, accuracy)").c_str(), Error);
  CHECK_THROWS_AS(append(log, {1, 2}), Error);
  CHECK_THROWS_AS(append(log, {1.5, 2, 3}), Error);
  CHECK_THROWS_AS(append(log, {not_a_number, 2, 3}), Error);
  CsvLog moved = std::move(log);
  append(moved, {100001, infinity, -1});
  CHECK(read_csv(path).rows() == 3);
}

TEST_CASE("a resumed log is cut after the last checkpoint and goes on to the same bytes") {
  const ScratchFolder folder;
  const std::string path = folder.file("metrics.csv");
  CsvLog whole = CsvLog::create(path, columns);
  for (int i = 1; i <= 9; ++i) append(whole, {10.0 * i, 1.0 / i, i % 3 == 0 ? 0.5 : not_a_number});
  const std::string expected = bytes_of(path);
  // Cut at every byte behind the header, as no kill could do worse, then go on from the last checkpoint before it.
  const std::size_t header = expected.find('\n') + 1;
  for (std::size_t size = header; size <= expected.size(); ++size) {
    put_bytes(path, expected.substr(0, size));
    const auto rows = std::count(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(size), '\n') - 1;
    const int checkpoint = static_cast<int>(rows / 2 * 2);
    CsvLog log = CsvLog::resume(path, columns, 10 * checkpoint);
    CHECK(read_csv(path).rows() == static_cast<std::size_t>(checkpoint));
    for (int i = checkpoint + 1; i <= 9; ++i) append(log, {10.0 * i, 1.0 / i, i % 3 == 0 ? 0.5 : not_a_number});
    REQUIRE(bytes_of(path) == expected);
  }
  CsvLog::resume(path, columns, -1);
  CHECK(bytes_of(path) == expected.substr(0, header));
  CsvLog::resume(folder.file("new.csv"), columns, 7);
  CHECK(bytes_of(folder.file("new.csv")) == expected.substr(0, header));
  CHECK(folder.files() == 2);
}

TEST_CASE("a log with other columns or damage is refused and left alone") {
  const ScratchFolder folder;
  const std::string path = folder.file("metrics.csv");
  for (const std::string text :
       {"iteration,loss\n1,2\n", "iteration,loss,accuracy", "", "iteration,loss,accuracy\n1,2\n2,3,4\n",
        "iteration,loss,accuracy\nx,3,4\n2,3,4\n", "iteration,loss,accuracy\n,3,4\n"}) {
    CAPTURE(text);
    put_bytes(path, text);
    CHECK_THROWS_AS(CsvLog::resume(path, columns, 5), Error);
    CHECK(bytes_of(path) == text);
  }
  CHECK_THROWS_AS(CsvLog::create(path, {"iteration", "a,b"}), Error);
  CHECK_THROWS_AS(CsvLog::create(path, {"iteration", "a", "a"}), Error);
  CHECK_THROWS_AS(CsvLog::create(path, {}), Error);
  CHECK_THROWS_AS(CsvLog::create(folder.file("no/metrics.csv"), columns), Error);
}

TEST_CASE("a row that does not fit is taken back") {
  const ScratchFolder folder;
  const std::string path = folder.file("metrics.csv");
  const int status = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{60, 60};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    CsvLog log = CsvLog::create(path, columns);
    try {
      for (int i = 0; i < 20; ++i) append(log, {1.0 * i, 0.125, 0.5});
    } catch (const Error& error) {
      return std::strstr(error.what(), "cannot be appended to") != nullptr ? 0 : 1;
    }
    return 3;
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(bytes_of(path) == "iteration,loss,accuracy\n0,0.125,0.5\n1,0.125,0.5\n2,0.125,0.5\n");
}

TEST_CASE("a process can be killed before it appends a row") {
  const ScratchFolder folder;
  const std::string path = folder.file("metrics.csv");
  const int status = in_child([&] {
    ::setenv("MAML_KILL_AT", "metrics.append:3", 1);
    CsvLog log = CsvLog::create(path, columns);
    for (int i = 0; i < 20; ++i) append(log, {1.0 * i, 0.125, 0.5});
    return 0;
  });
  CHECK(WIFSIGNALED(status));
  CHECK(read_csv(path).rows() == 2);
}

TEST_CASE("CSV of other programs is read, and damage names its line") {
  const CsvTable table = parse_csv("a, b\r\n1,\r\n\r\n+2e3 , -inf\r\n3,nan", "t");
  CHECK(table.names == std::vector<std::string>{"a", "b"});
  CHECK(table.column("a") == std::vector<double>{1, 2000, 3});
  CHECK(table.column("b")[1] == -infinity);
  CHECK(parse_csv("a,b\n1,2\n3", "t").rows() == 1);
  CHECK(parse_csv("a,b\n", "t").rows() == 0);
  CHECK_THROWS_WITH_AS(parse_csv("a,b\n1,2\n3\n", "t"), "[t] line 3 has 1 cells instead of 2 (mend or remove the line)",
                       Error);
  CHECK_THROWS_WITH_AS(parse_csv("a,b\n1,2x\n", "t"), "[t] line 2: `2x` is not a number (mend or remove the line)",
                       Error);
  CHECK_THROWS_AS(parse_csv("", "t"), Error);
}
