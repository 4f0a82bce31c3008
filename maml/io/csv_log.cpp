#include "maml/io/csv_log.h"

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/io/atomic_file.h"
#include "maml/io/fault.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <limits>
#include <unistd.h>

namespace maml {

namespace {

std::string header_line(const std::string& path, const std::vector<std::string>& columns) {
  require(!columns.empty(), path, "a CSV file needs at least one column");
  for (auto name = columns.begin(); name != columns.end(); ++name) {
    require(!name->empty() && name->find_first_of(",\"\r\n") == name->npos, path, "column name `", *name,
            "` is empty, or holds a comma, quote or line break (rename it)");
    require(std::find(columns.begin(), name, *name) == name, path, "column ", *name, " is named twice (rename one)");
  }
  return join(columns, ",") + "\n";
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> cells;
  while (true) {
    const auto comma = line.find(',');
    cells.push_back(line.substr(0, comma));
    if (comma == line.npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

double parse_cell(std::string_view cell, const std::string& path, std::size_t line) {
  cell = trim(cell);
  if (cell.empty()) return std::numeric_limits<double>::quiet_NaN();
  double value = 0;
  const char* first = cell.data() + (cell.front() == '+' ? 1 : 0);
  const char* last = cell.data() + cell.size();
  const auto read = std::from_chars(first, last, value);
  require(read.ec == std::errc() && read.ptr == last, path, "line ", line, ": `", cell,
          "` is not a number (mend or remove the line)");
  return value;
}

}  // namespace

std::string shortest_text(double value) {
  if (std::isnan(value)) return "";
  char text[32];
  const bool whole = std::abs(value) < 1e15 && value == std::trunc(value);
  const auto written = whole ? std::to_chars(text, text + sizeof text, value, std::chars_format::fixed)
                             : std::to_chars(text, text + sizeof text, value);
  return {text, written.ptr};
}

CsvLog::CsvLog(const std::string& path, std::size_t columns) : file_(path), columns_(columns) {}

CsvLog CsvLog::create(const std::string& path, const std::vector<std::string>& columns) {
  write_atomically(path, header_line(path, columns));
  return CsvLog(path, columns.size());
}

CsvLog CsvLog::resume(const std::string& path, const std::vector<std::string>& columns, std::int64_t last_iteration) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return create(path, columns);
  const std::string header = header_line(path, columns);
  const std::string text = read_text_file(path);
  const std::string there = text.substr(0, text.find('\n'));
  require(text.starts_with(header), path, "has the columns ", there, ", but this run logs ", join(columns, ","),
          " (resume with the settings that made it, or start a new run)");
  std::string kept = header;
  std::size_t line = 1;
  for (std::size_t begin = header.size(), end; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
    ++line;
    const std::string_view row = std::string_view(text).substr(begin, end - begin);
    const auto cells = split(row);
    require(cells.size() == columns.size(), path, "line ", line, " has ", cells.size(), " cells instead of ",
            columns.size(), " (mend or remove the line)");
    const double iteration = parse_cell(cells.front(), path, line);
    require(!std::isnan(iteration), path, "line ", line, " has no ", columns.front(), " (mend or remove the line)");
    if (iteration <= static_cast<double>(last_iteration)) kept.append(row).push_back('\n');
  }
  if (kept != text) write_atomically(path, kept);
  return CsvLog(path, columns.size());
}

void CsvLog::append(std::span<const double> values) {
  require(values.size() == columns_, path(), "a row of ", values.size(), " values does not fit ", columns_, " columns");
  require(std::isfinite(values[0]) && values[0] == std::trunc(values[0]), path(), "a row's first value is ", values[0],
          ", not an iteration");
  std::string row;
  for (std::size_t i = 0; i < values.size(); ++i) row += (i == 0 ? "" : ",") + shortest_text(values[i]);
  row += '\n';
  fault_point("metrics.append");
  file_.append(row);
}

bool CsvTable::has(const std::string& name) const {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const std::vector<double>& CsvTable::column(const std::string& name) const {
  const auto found = std::find(names.begin(), names.end(), name);
  require(found != names.end(), path, "has no column ", name, did_you_mean(name, names),
          " (its columns: ", join(names, ", "), ")");
  return columns[static_cast<std::size_t>(found - names.begin())];
}

CsvTable parse_csv(std::string_view text, const std::string& name) {
  require(!text.empty(), name, "is empty (a CSV file starts with a line of column names)");
  CsvTable table;
  table.path = name;
  std::size_t line = 0;
  while (!text.empty()) {
    ++line;
    const auto end = text.find('\n');
    const bool complete = end != text.npos;
    std::string_view row = text.substr(0, end);
    text.remove_prefix(complete ? end + 1 : text.size());
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (line > 1 && row.empty() && table.names.size() > 1) continue;
    const auto cells = split(row);
    if (line == 1) {
      for (auto cell : cells) table.names.emplace_back(trim(cell));
      table.columns.resize(cells.size());
      continue;
    }
    if (!complete && cells.size() != table.names.size()) break;
    require(cells.size() == table.names.size(), name, "line ", line, " has ", cells.size(), " cells instead of ",
            table.names.size(), " (mend or remove the line)");
    for (std::size_t i = 0; i < cells.size(); ++i) table.columns[i].push_back(parse_cell(cells[i], name, line));
  }
  return table;
}

CsvTable read_csv(const std::string& path) {
  return parse_csv(read_text_file(path), path);
}

}  // namespace maml
