#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace maml {

/// A CSV file as texts, for tables that others made (maml/io/csv_log.h reads our own logs of numbers): the first line
/// names the columns. Cells are quoted as RFC 4180 has it, with line breaks in them if need be; lines end in \n, \r\n
/// or \r; a byte-order mark is passed over, and so are empty lines. A name that is not quoted is taken without the
/// spaces around it. Errors begin with FILE:LINE, a cell's go on with its column.
class TextTable {
public:
  const std::string& path() const { return path_; }
  char separator() const { return separator_; }
  const std::vector<std::string>& names() const { return names_; }
  std::size_t rows() const { return lines_.size(); }

  bool has(const std::string& name) const;
  /// The number of the column of that name, which must be there once; the error names what there is, and the nearest.
  std::size_t column(const std::string& name) const;

  std::string_view cell(std::size_t row, std::size_t column) const;
  /// Whether a cell is empty or says that there is no value: `NA`, `N/A`, `NaN`, `null`, `-`, in any case.
  bool is_missing(std::size_t row, std::size_t column) const;
  /// A cell as a finite number: `12`, `-1.5e3`, `+.5`, spaces around it or not.
  double number(std::size_t row, std::size_t column) const;
  /// `FILE:LINE` of a row's first line, for errors.
  std::string place(std::size_t row) const;

private:
  friend TextTable parse_table(std::string_view text, const std::string& path, char separator);
  std::string path_;
  char separator_ = ',';
  std::vector<std::string> names_;
  std::string text_;               // of all cells, one behind the other
  std::vector<std::size_t> ends_;  // in it, of each cell
  std::vector<std::size_t> lines_;
};

/// separator: between cells; `\t` for tabs.
TextTable read_table(const std::string& path, char separator = ',');
/// The same from text; `path` stands for it in messages.
TextTable parse_table(std::string_view text, const std::string& path, char separator = ',');

/// Names as a line of a CSV file, `hour,"a, b"`; `where` stands for it in messages.
std::vector<std::string> parse_names(std::string_view text, const std::string& where);

/// A cell as it is to be written: quoted where it must be.
std::string csv_cell(std::string_view text, char separator = ',');

}  // namespace maml
