#include "maml/nn/layer_text.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include "maml/base/error.h"
#include "maml/base/nearest.h"

namespace maml {

LayerText::LayerText(const std::string& text) : whole_(text) {
  std::istringstream words(text);
  words >> kind_;
  require(!kind_.empty(), "layers", "an empty layer text (write a kind, for example \"linear 40\")");
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) {
      arguments_.push_back(word);
    } else {
      const auto key = word.substr(0, equals);
      require(keys_.emplace(key, word.substr(equals + 1)).second, kind_, "'", key, "' is given twice in \"", text,
              "\"");
    }
  }
}

namespace {

std::size_t whole_number(const std::string& kind, const std::string& what, const std::string& text) {
  char* end = nullptr;
  const unsigned long long value = std::strtoull(text.c_str(), &end, 10);
  require(!text.empty() && text[0] != '-' && *end == '\0' && value >= 1 && value <= 1u << 24, kind, what, " '", text,
          "' is not a whole number from 1 to 16777216");
  return static_cast<std::size_t>(value);
}

}  // namespace

std::string LayerText::argument(std::size_t i, const std::string& what) const {
  require(i < arguments_.size(), kind_, "the ", what, " is missing in \"", whole_, "\" (write it after the kind)");
  used_arguments_ = std::max(used_arguments_, i + 1);
  return arguments_[i];
}

std::size_t LayerText::size(std::size_t i, const std::string& what) const {
  require(i < arguments_.size(), kind_, "the ", what, " is missing in \"", whole_, "\" (write for example \"", kind_,
          " 40\")");
  return whole_number(kind_, what, argument(i, what));
}

const std::string& LayerText::name(std::size_t i, const std::string& what) const {
  require(i < arguments_.size(), kind_, "the ", what, " is missing in \"", whole_, "\" (write for example \"", kind_,
          " shortcut\")");
  used_arguments_ = std::max(used_arguments_, i + 1);
  return arguments_[i];
}

std::size_t LayerText::size(const std::string& key, std::size_t otherwise) const {
  used_keys_.insert(key);
  const auto found = keys_.find(key);
  return found == keys_.end() ? otherwise : whole_number(kind_, key, found->second);
}

double LayerText::number(const std::string& key, double otherwise) const {
  used_keys_.insert(key);
  const auto found = keys_.find(key);
  if (found == keys_.end()) return otherwise;
  char* end = nullptr;
  const double value = std::strtod(found->second.c_str(), &end);
  require(!found->second.empty() && *end == '\0' && std::isfinite(value), kind_, key, " '", found->second,
          "' is not a number");
  return value;
}

bool LayerText::flag(const std::string& key, bool otherwise) const {
  return word(key, otherwise ? "true" : "false", {"true", "false"}) == "true";
}

std::string LayerText::word(const std::string& key, const std::string& otherwise,
                            const std::vector<std::string>& allowed) const {
  used_keys_.insert(key);
  const auto found = keys_.find(key);
  const std::string& value = found == keys_.end() ? otherwise : found->second;
  require(allowed.empty() || std::find(allowed.begin(), allowed.end(), value) != allowed.end(), kind_, key, " '", value,
          "' is not one of ", join(allowed));
  return value;
}

void LayerText::done() const {
  require(used_arguments_ == arguments_.size(), kind_, "does not know what to do with '",
          arguments_.empty() ? "" : arguments_.back(), "' in \"", whole_, "\"");
  const std::vector<std::string> known(used_keys_.begin(), used_keys_.end());
  for (const auto& [key, value] : keys_)
    require(used_keys_.count(key) > 0, kind_, "unknown key '", key, "' in \"", whole_, "\"", did_you_mean(key, known),
            " (known: ", known.empty() ? "none" : join(known), ")");
}

}  // namespace maml
