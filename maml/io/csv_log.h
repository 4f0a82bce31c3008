#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "maml/io/append_file.h"

namespace maml {

/// A number as text that reads back to the same bits, the same on every machine: whole numbers below 1e15 are written
/// out (`100000`), others in the shortest form (`0.1`, `1.5e-07`); `inf`, `-inf`; NaN is the empty text.
std::string shortest_text(double value);

/// A growing CSV file of numbers, one row per logged iteration. The columns are fixed when the file is made, the first
/// one counts iterations. A killed process leaves whole rows (AppendFile).
class CsvLog {
public:
  /// A new file with its header line; an existing one is replaced. Column names hold no comma, quote or line break.
  static CsvLog create(const std::string& path, const std::vector<std::string>& columns);

  /// Goes on with an existing file: rows whose first column exceeds `last_iteration` are cut, as is a half-written last
  /// line, atomically. An error if the file has other columns or is damaged before its last line. A missing file is
  /// made anew.
  static CsvLog resume(const std::string& path, const std::vector<std::string>& columns, std::int64_t last_iteration);

  /// Appends one row: one value per column, the first a whole number; NaN gives an empty cell. Fault point:
  /// `metrics.append`.
  void append(std::span<const double> values);

  /// Waits until all rows are on the disk. Call it before writing a checkpoint that counts on them.
  void sync() { file_.sync(); }

  const std::string& path() const { return file_.path(); }

private:
  CsvLog(const std::string& path, std::size_t columns);
  AppendFile file_;
  std::size_t columns_ = 0;
};

/// A CSV file of numbers in memory, column by column.
struct CsvTable {
  std::vector<std::string> names;
  std::vector<std::vector<double>> columns;
  std::string path;

  std::size_t rows() const { return columns.empty() ? 0 : columns.front().size(); }
  bool has(const std::string& name) const;
  /// The column of that name; the error names the columns there are.
  const std::vector<double>& column(const std::string& name) const;
};

/// Reads a file with one header line. An empty cell is NaN; lines may end in \r\n. A last line without its line break
/// counts if it has all its cells and is left out otherwise (a run may be writing it); any other ragged line or text
/// that is not a number is an error that names the line.
CsvTable read_csv(const std::string& path);

/// The same from text; `name` stands for the path in messages.
CsvTable parse_csv(std::string_view text, const std::string& name);

}  // namespace maml
