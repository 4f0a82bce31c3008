#include "maml/nn/init.h"

#include <cmath>
#include <cstdlib>

#include "maml/base/error.h"

namespace maml {

double Init::draw(Rng& rng) const {
  switch (kind) {
  case Kind::constant:
    return scale;
  case Kind::normal:
    return scale * rng.normal();
  case Kind::truncated_normal:
    return scale * rng.truncated_normal();
  case Kind::uniform:
    return rng.uniform(-scale, scale);
  }
  return 0;
}

Init parse_init(const std::string& owner, const std::string& text, std::size_t fan_in, std::size_t fan_out) {
  const auto in = static_cast<double>(fan_in), out = static_cast<double>(fan_out);
  if (text == "zeros") return {Init::Kind::constant, 0};
  if (text == "ones") return {Init::Kind::constant, 1};
  if (text == "he") return {Init::Kind::normal, std::sqrt(2 / in)};
  if (text == "glorot") return {Init::Kind::uniform, std::sqrt(6 / (in + out))};
  const auto open = text.find('(');
  if (open != std::string::npos && text.back() == ')') {
    const std::string name = text.substr(0, open), argument = text.substr(open + 1, text.size() - open - 2);
    char* end = nullptr;
    const double value = std::strtod(argument.c_str(), &end);
    if (!argument.empty() && *end == '\0' && std::isfinite(value)) {
      if (name == "constant") return {Init::Kind::constant, value};
      if (name == "normal" && value >= 0) return {Init::Kind::normal, value};
      if (name == "truncated_normal" && value >= 0) return {Init::Kind::truncated_normal, value};
    }
  }
  fail(owner, "unknown initial values '", text,
       "' (use zeros, ones, constant(c), normal(s), truncated_normal(s), he or glorot)");
}

}  // namespace maml
