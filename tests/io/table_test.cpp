#include "maml/io/table.h"

#include <doctest/doctest.h>

#include "maml/base/error.h"
#include "tests/support/error_of.h"

using namespace maml;
using maml::test::error_of;

namespace {

std::string parse_error(const std::string& text, char separator = ',') {
  return error_of([&] { (void)parse_table(text, "t.csv", separator); });
}

std::string number_error(const std::string& cell) {
  const TextTable table = parse_table("a,b\n1," + cell + "\n", "t.csv");
  return error_of([&] { (void)table.number(0, 1); });
}

double number(const std::string& cell) {
  return parse_table("a,b\n1," + cell + "\n", "t.csv").number(0, 1);
}

}  // namespace

TEST_CASE("table: cells, quoted and not, whatever ends the lines") {
  // A quote that does not open its cell is a character of it.
  CHECK(parse_table("name, \"a,b\" ,c\n", "t.csv").names() == std::vector<std::string>{"name", "\"a", "b\"", "c"});
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    std::string text = "\xEF\xBB\xBFname,\"a, b\", c |1,2,\"x \"\"y\"\"\"||\" 4 \", 5 ,\"two|lines\"|,,";
    for (std::size_t at = 0; (at = text.find('|', at)) != text.npos; at += end.size()) text.replace(at, 1, end);
    const TextTable table = parse_table(text, "t.csv");
    CHECK(table.names() == std::vector<std::string>{"name", "a, b", "c"});
    REQUIRE(table.rows() == 3);
    CHECK(table.cell(0, 1) == "2");
    CHECK(table.cell(0, 2) == "x \"y\"");
    CHECK(table.cell(1, 0) == " 4 ");
    CHECK(table.cell(1, 1) == "5");
    CHECK(table.cell(1, 2) == "two" + end + "lines");
    CHECK(table.cell(2, 2).empty());
    CHECK(table.place(0) == "t.csv:2");
    CHECK(table.place(1) == "t.csv:4");
    CHECK(table.place(2) == "t.csv:6");
    CHECK(table.column("a, b") == 1);
    CHECK(table.has("c"));
    CHECK_FALSE(table.has("d"));
  }
  CHECK(parse_table("a;b\n1;2,5\n", "t.csv", ';').cell(0, 1) == "2,5");
  CHECK(parse_table("a,b\n", "t.csv").rows() == 0);
}

TEST_CASE("table: what is wrong is said with the line") {
  CHECK(parse_error("") == "[t.csv] is empty (its first line is to name the columns)");
  CHECK(parse_error("\n\r\n") == "[t.csv] is empty (its first line is to name the columns)");
  CHECK(parse_error("a,b\n1,2\n1\n") ==
        "[t.csv:3] has 1 cell, but the first line names 2 columns (quote a text with a ',' in it)");
  CHECK(parse_error("a,b\n1,2,3\n").find("[t.csv:2] has 3 cells") == 0);
  CHECK(parse_error("a,b\n1,\"2\n3\n").find("[t.csv:2] opens a quote that nothing closes") == 0);
  CHECK(parse_error("a,b\n1,\"2\"3\n").find("[t.csv:2] has text behind a closing quote") == 0);
  CHECK(parse_error(std::string("a\0,b\n", 5)).find("[t.csv] is no plain text, or UTF-16") == 0);
  CHECK(parse_error("\xFF\xFE"
                    "a,b\n")
            .find("[t.csv] is no plain text, or UTF-16") == 0);
  const TextTable table = parse_table("load,hour,load\n1,2,3\n", "t.csv");
  CHECK(error_of([&] { (void)table.column("huor"); }) ==
        "[t.csv] has no column huor; did you mean hour? (its columns: load, hour, load)");
  CHECK(error_of([&] { (void)table.column("load"); }) == "[t.csv] has more than one column load (rename one)");
  CHECK(error_of([&] { (void)parse_table("a;b\n1;2\n", "t.csv").column("a"); }).find("separated by ; (say so") !=
        std::string::npos);
}

TEST_CASE("table: numbers, and what is none") {
  CHECK(number("12") == 12);
  CHECK(number(" -1.5e3 ") == -1500);
  CHECK(number("+.5") == 0.5);
  CHECK(number("\"7\"") == 7);
  CHECK(number_error("abc") == "[t.csv:2] column b is to be a number, but is 'abc' (mend it, or leave the row out)");
  CHECK(number_error("\"1,5\"").find("(write a point, not a comma)") != std::string::npos);
  CHECK(number_error("1 2").find("is to be a number") != std::string::npos);
  CHECK(number_error("+-1").find("is to be a number") != std::string::npos);
  CHECK(number_error("0x10").find("is to be a number") != std::string::npos);
  CHECK(number_error("1e999").find("beyond the range") != std::string::npos);
  CHECK(number_error("inf").find("not finite") != std::string::npos);
  CHECK(number_error("") == "[t.csv:2] column b has no value (fill it in, or leave the row out)");
  CHECK(number_error("NaN") == "[t.csv:2] column b has no value, but 'NaN' (fill it in, or leave the row out)");
  const TextTable table = parse_table("a\nNA\nn/a\nnull\n-\n-1\nnano\n", "t.csv");
  for (std::size_t row = 0; row < table.rows(); ++row) CHECK(table.is_missing(row, 0) == (row < 4));
}

TEST_CASE("table: names in a list, and cells as they are written") {
  CHECK(parse_names("hour, temperature", "--inputs") == std::vector<std::string>{"hour", "temperature"});
  CHECK(parse_names("\"a, b\",c", "--inputs") == std::vector<std::string>{"a, b", "c"});
  for (const std::string wrong : {"", "a,", ",a", "a\nb"})
    CHECK(error_of([&] { (void)parse_names(wrong, "--inputs"); }).find("[--inputs] cannot be '") == 0);
  CHECK(csv_cell("plain text") == "plain text");
  CHECK(csv_cell("a,b") == "\"a,b\"");
  CHECK(csv_cell("a,b", ';') == "a,b");
  CHECK(csv_cell("say \"x\"") == "\"say \"\"x\"\"\"");
  CHECK(csv_cell("\xEF\xBB\xBFx") == "\"\xEF\xBB\xBFx\"");
  CHECK(csv_cell(" 4 ") == "\" 4 \"");
  CHECK(csv_cell("two\nlines") == "\"two\nlines\"");
}
