#include "maml/io/table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/io/atomic_file.h"

namespace maml {

namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string at_line(const std::string& path, std::size_t line) {
  return path + ":" + std::to_string(line);
}

/// Goes through a text line by line.
class Lines {
public:
  Lines(std::string_view text, const std::string& path, char separator)
      : text_(text), path_(path), separator_(separator) {}

  /// The cells of the next line that is not empty go to the end of `cells`, and where each ends in it to `ends`; false
  /// at the end of the text.
  bool next(std::string& cells, std::vector<std::size_t>& ends) {
    while (at_ < text_.size() && at_line_break()) line_break();
    if (at_ == text_.size()) return false;
    first_line_ = line_;
    while (true) {
      cell(cells);
      ends.push_back(cells.size());
      if (at_ == text_.size()) return true;
      if (at_line_break()) {
        line_break();
        return true;
      }
      ++at_;  // the separator
    }
  }
  /// Where the line began that `next` found.
  std::size_t line() const { return first_line_; }

private:
  bool at_line_break() const { return text_[at_] == '\n' || text_[at_] == '\r'; }
  void line_break() {
    at_ += text_.substr(at_, 2) == "\r\n" ? 2 : 1;
    ++line_;
  }

  void cell(std::string& cells) {
    if (at_ < text_.size() && text_[at_] == '"') return quoted(cells);
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != separator_ && !at_line_break()) ++at_;
    cells.append(trimmed(text_.substr(begin, at_ - begin)));
  }

  void quoted(std::string& cells) {
    const std::size_t opened = line_;
    for (++at_;;) {
      require(at_ < text_.size(), at_line(path_, opened), "opens a quote that nothing closes (end the text with a ",
              "quote; write a quote within it twice)");
      const std::size_t begin = at_;
      if (text_[at_] == '"') {
        ++at_;
        if (at_ == text_.size() || text_[at_] != '"') break;
        ++at_;
      } else if (at_line_break()) {
        line_break();
      } else {
        ++at_;
      }
      cells.append(text_.substr(begin, text_[begin] == '"' ? 1 : at_ - begin));
    }
    require(at_ == text_.size() || text_[at_] == separator_ || at_line_break(), at_line(path_, line_),
            "has text behind a closing quote (write a quote within a text twice; or say with --separator what is ",
            "between the cells)");
  }

  std::string_view text_;
  const std::string& path_;
  const char separator_;
  std::size_t at_ = 0, line_ = 1, first_line_ = 1;
};

std::vector<std::string> split(const std::string& cells, const std::vector<std::size_t>& ends) {
  std::vector<std::string> names;
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    names.push_back(cells.substr(begin, end - begin));
    begin = end;
  }
  return names;
}

/// A hint for a table of one column that looks as if another separator stood in it.
std::string other_separator(const std::vector<std::string>& names) {
  if (names.size() != 1) return "";
  for (const char c : {';', '\t', ','})
    if (names.front().find(c) != std::string::npos)
      return std::string("; its cells seem to be separated by ") + (c == '\t' ? "tabs" : std::string(1, c)) +
             " (say so with --separator)";
  return "";
}

bool equal_in_any_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

bool says_missing(std::string_view cell) {
  static constexpr std::array words = {"", "na", "n/a", "nan", "null", "-"};
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return equal_in_any_case(cell, word); });
}

}  // namespace

bool TextTable::has(const std::string& name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

std::size_t TextTable::column(const std::string& name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end())
    fail(path_, "has no column ", name, did_you_mean(name, names_), " (its columns: ", join(names_), ")",
         other_separator(names_));
  require(std::find(found + 1, names_.end(), name) == names_.end(), path_, "has more than one column ", name,
          " (rename one)");
  return static_cast<std::size_t>(found - names_.begin());
}

std::string_view TextTable::cell(std::size_t row, std::size_t column) const {
  const std::size_t i = row * names_.size() + column;
  const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
  return std::string_view(text_).substr(begin, ends_[i] - begin);
}

bool TextTable::is_missing(std::size_t row, std::size_t column) const {
  return says_missing(trimmed(cell(row, column)));
}

double TextTable::number(std::size_t row, std::size_t column) const {
  std::string_view text = trimmed(cell(row, column));
  if (is_missing(row, column))
    fail(place(row), "column ", names_[column], " has no value", text.empty() ? "" : ", but '", text,
         text.empty() ? "" : "'", " (fill it in, or leave the row out)");
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = error != std::errc::invalid_argument && end == text.data() + text.size();
  require(is_number, place(row), "column ", names_[column], " is to be a number, but is '", text, "'",
          text.find(',') == text.npos ? " (mend it, or leave the row out)" : " (write a point, not a comma)");
  require(error == std::errc() && std::isfinite(value), place(row), "column ", names_[column], " is '", text,
          "', which is not finite or beyond the range of numbers (mend it, or leave the row out)");
  return value;
}

std::string TextTable::place(std::size_t row) const {
  return at_line(path_, lines_[row]);
}

TextTable parse_table(std::string_view text, const std::string& path, char separator) {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  require(text.find('\0') == text.npos && !text.starts_with("\xFF\xFE") && !text.starts_with("\xFE\xFF"), path,
          "is no plain text, or UTF-16 (save it as CSV in UTF-8)");
  TextTable table;
  table.path_ = path;
  table.separator_ = separator;
  Lines lines(text, path, separator);
  std::vector<std::size_t> ends;
  require(lines.next(table.text_, ends), path, "is empty (its first line is to name the columns)");
  table.names_ = split(table.text_, ends);
  table.text_.clear();
  table.text_.reserve(text.size());
  while (lines.next(table.text_, table.ends_)) {
    const std::size_t cells = table.ends_.size() - table.lines_.size() * table.names_.size();
    require(cells == table.names_.size(), at_line(path, lines.line()), "has ", cells, cells == 1 ? " cell" : " cells",
            ", but the first line names ", table.names_.size(), " columns (quote a text with a '",
            std::string(1, separator), "' in it)");
    table.lines_.push_back(lines.line());
  }
  return table;
}

TextTable read_table(const std::string& path, char separator) {
  return parse_table(read_text_file(path), path, separator);
}

std::vector<std::string> parse_names(std::string_view text, const std::string& where) {
  std::string cells;
  std::vector<std::size_t> ends;
  Lines lines(text, where, ',');
  const bool is_one = lines.next(cells, ends) && !lines.next(cells, ends);
  auto names = is_one ? split(cells, ends) : std::vector<std::string>();
  require(is_one && std::none_of(names.begin(), names.end(), [](const auto& name) { return name.empty(); }), where,
          "cannot be '", text, "' (write names with commas between them)");
  return names;
}

std::string csv_cell(std::string_view text, char separator) {
  const bool is_plain = text.find(separator) == text.npos && text.find_first_of("\"\r\n") == text.npos &&
                        trimmed(text).size() == text.size() && !text.starts_with(byte_order_mark);
  if (is_plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

}  // namespace maml
