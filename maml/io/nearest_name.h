#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace maml {

/// The candidate that takes the fewest edits to become `name`, or "" if none is near enough to be a slip of the pen
/// (at most a third of the longer name, and at least two edits are allowed). The first wins a tie.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// `; did you mean X?`, or "" where `nearest_name` finds none: to be put behind an error's text.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace maml
