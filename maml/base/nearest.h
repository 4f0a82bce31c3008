#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace maml {

/// The candidate that takes the fewest edits to become `word`, or "" if none is near enough to be a slip of the pen (at
/// most a third of the longer one, at least two allowed, never all of it). The first wins a tie.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// `; did you mean X?`, or "" where `nearest` finds none: to be put behind an error's text.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

/// `a, b, c`.
std::string join(const std::vector<std::string>& words, const std::string& separator = ", ");

}  // namespace maml
