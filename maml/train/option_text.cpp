#include "maml/train/option_text.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace maml {

std::string toml_text(const std::string& value) {
  std::string text = "\"";
  for (const char c : value) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\t') {
      text += "\\t";
    } else if (code < 0x20 || code == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04X", static_cast<unsigned>(code));
      text += escape;
    } else {
      text += c;
    }
  }
  return text + "\"";
}

std::string toml_text(bool value) {
  return value ? "true" : "false";
}
std::string toml_text(int value) {
  return std::to_string(value);
}
std::string toml_text(std::int64_t value) {
  return std::to_string(value);
}
std::string toml_text(std::uint64_t value) {
  return std::to_string(value);
}

std::string toml_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char digits[40];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  const std::string text(digits, end);
  // TOML tells a number with a fraction from a whole one.
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string toml_text(const RateTable& rates) {
  if (rates.by_name.empty()) return toml_text(rates.everywhere);
  std::string text;
  for (const auto& [pattern, rate] : rates.by_name)
    text += (text.empty() ? "" : ", ") + toml_text(pattern) + " = " + toml_text(rate);
  return "{ " + text + " }";
}

std::string toml_text(const Published& published) {
  return "[" + toml_text(published.step) + ", " + toml_text(published.value) + "]";
}

}  // namespace maml
