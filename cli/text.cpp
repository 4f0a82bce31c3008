#include "cli/text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace maml::cli {

namespace {

std::string fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string exponent(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*e", decimals, value);
  return text;
}

std::string significant(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%#.3g", value);
  return text;
}

std::string two_digits(long value) {
  return (value < 10 ? "0" : "") + std::to_string(value);
}

bool is_number(const std::string& cell) {
  return !cell.empty() && cell.find_first_not_of("0123456789.,+-e%x ") == std::string::npos;
}

}  // namespace

std::string short_number(double value) {
  const double size = std::abs(value);
  if (size >= 99.95 && size < 1e6) return fixed(value, 0);
  return size != 0 && (size < 1e-3 || size >= 1e6) ? exponent(value, 1) : significant(value);
}

std::string table_number(double value) {
  const double size = std::abs(value);
  return size != 0 && (size < 0.001 || size >= 1e6) ? exponent(value, 2) : fixed(value, 4);
}

std::string two_decimals(double value) {
  return fixed(value, 2);
}

std::string plain_number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string scientific(double value) {
  return exponent(value, 1);
}

std::string percent(double share) {
  return fixed(100 * share, 1) + " %";
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e8) return "-:--";
  const auto whole = std::lround(seconds);
  const std::string minutes_on = ":" + two_digits(whole % 60);
  if (whole < 3600) return std::to_string(whole / 60) + minutes_on;
  return std::to_string(whole / 3600) + ":" + two_digits(whole / 60 % 60) + minutes_on;
}

std::string with_commas(std::size_t value) {
  std::string text = std::to_string(value);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

void Table::print(std::ostream& out, const std::string& indent) const {
  const std::size_t count = rows_.front().size();
  std::vector<std::size_t> widths(count, 0);
  std::vector<bool> is_right(count, rows_.size() > 1);
  for (std::size_t r = 0; r < rows_.size(); ++r)
    for (std::size_t c = 0; c < count; ++c) {
      widths[c] = std::max(widths[c], columns_of(rows_[r][c]));
      if (r > 0 && !rows_[r][c].empty() && !is_number(rows_[r][c])) is_right[c] = false;
    }
  for (const auto& row : rows_) {
    std::string line = indent;
    for (std::size_t c = 0; c < count; ++c) {
      const std::string padding(widths[c] - columns_of(row[c]), ' ');
      line += is_right[c] ? padding + row[c] : row[c] + padding;
      if (c + 1 < count) line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << "\n";
  }
}

}  // namespace maml::cli
