#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace maml::cli {

/// Three significant digits in at most 8 characters: `0.532`, `12.4`, `1234`, `1.2e-05`.
std::string short_number(double value);
/// `0.5320`, for tables: four decimals, or three significant digits where that would hide the value.
std::string table_number(double value);
/// `98.70`.
std::string two_decimals(double value);
/// As a person wrote it: `0.67`.
std::string plain_number(double value);
/// `1.2e-11`.
std::string scientific(double value);
/// `34 %`.
std::string percent(double share);
/// `0:07`, `12:40`, `3:05:00`.
std::string duration(double seconds);
/// `70,000`.
std::string with_commas(std::size_t value);

/// A table in plain text: the first column and those of texts stand left, numbers right.
class Table {
public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  /// As many cells as the header has.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  void print(std::ostream&, const std::string& indent = "  ") const;

private:
  std::vector<std::vector<std::string>> rows_;
};

/// Columns of a text in UTF-8 (one a code point).
std::size_t columns_of(const std::string& text);

}  // namespace maml::cli
