#pragma once

#include <string>
#include <vector>

namespace maml {

/// The candidate nearest to a misspelt word by edit distance, or an empty string where none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

/// `; did you mean X?` or an empty string.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

/// `a, b, c`.
std::string join(const std::vector<std::string>& words, const std::string& separator = ", ");

}  // namespace maml
