#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "maml/train/options.h"

namespace maml {

// An option's value as TOML text, and its type in words. One overload for each field type of `visit`.

std::string toml_text(const std::string&);
std::string toml_text(bool);
std::string toml_text(int);
std::string toml_text(std::int64_t);
std::string toml_text(std::uint64_t);
std::string toml_text(double);
std::string toml_text(const RateTable&);
std::string toml_text(const Published&);

template <class T> std::string toml_text(const std::vector<T>& values) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : ", ") + toml_text(value);
  return "[" + text + "]";
}

inline std::string type_text(const std::string&) {
  return "text in quotes";
}
inline std::string type_text(bool) {
  return "true or false";
}
inline std::string type_text(int) {
  return "whole number";
}
inline std::string type_text(std::int64_t) {
  return "whole number";
}
inline std::string type_text(std::uint64_t) {
  return "whole number from 0";
}
inline std::string type_text(double) {
  return "number";
}
inline std::string type_text(const RateTable&) {
  return "number, or a table of patterns with numbers";
}
inline std::string type_text(const std::vector<std::string>&) {
  return "list of texts";
}
inline std::string type_text(const std::vector<std::size_t>&) {
  return "list of whole numbers from 0";
}
inline std::string type_text(const std::vector<double>&) {
  return "list of numbers";
}
inline std::string type_text(const std::vector<Published>&) {
  return "list of pairs [step, value]";
}

}  // namespace maml
