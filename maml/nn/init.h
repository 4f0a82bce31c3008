#pragma once

#include <cstddef>
#include <string>

#include "maml/base/rng.h"

namespace maml {

/// How a parameter slice starts.
struct Init {
  enum class Kind { constant, normal, truncated_normal, uniform } kind = Kind::constant;
  double scale = 0;  ///< the constant, the standard deviation, or half the width of the interval

  double draw(Rng& rng) const;
};

/// Reads `zeros`, `ones`, `constant(c)`, `normal(s)`, `truncated_normal(s)`, `he` (normal, std sqrt(2 / fan_in)) or
/// `glorot` (uniform, sqrt(6 / (fan_in + fan_out))). Throws Error naming the owner and what is possible.
Init parse_init(const std::string& owner, const std::string& text, std::size_t fan_in, std::size_t fan_out);

}  // namespace maml
