#include "maml/images/split_rule.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <sstream>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/base/rng.h"
#include "maml/io/atomic_file.h"

namespace maml {

namespace {

using Parts = std::array<double, all_splits.size()>;

/// `a/b/c` or `a/b` of whole numbers, each followed by `unit`; empty where the text is anything else.
std::vector<double> numbers_in(const std::string& text, const std::string& unit) {
  std::vector<double> numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    begin = end + 1;
    std::uint32_t value = 0;
    const auto [rest, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || std::string(rest, part.data() + part.size()) != unit) return {};
    numbers.push_back(value);
  }
  return numbers;
}

std::array<std::size_t, all_splits.size()> whole_parts(const SplitRule& rule, std::size_t classes,
                                                       const std::string& source, const Dealt& what) {
  std::array<std::size_t, all_splits.size()> counts{};
  if (rule.kind == SplitRule::Kind::counts) {
    std::transform(rule.parts.begin(), rule.parts.end(), counts.begin(),
                   [](double part) { return static_cast<std::size_t>(part); });
    const std::size_t sum = counts[0] + counts[1] + counts[2];
    require(sum == classes, source, "has ", classes, " ", what.many, ", but --split deals out ", counts[0], " + ",
            counts[1], " + ", counts[2], " = ", sum, " (let it add up, or write shares: 64%/16%/20%)");
    return counts;
  }
  // The larger of the numbers below and above a share's where the fraction is larger, so that they add up.
  double reached = 0;
  std::size_t dealt = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    reached += rule.parts[i] * static_cast<double>(classes);
    counts[i] = static_cast<std::size_t>(std::lround(reached)) - dealt;
    dealt += counts[i];
  }
  for (std::size_t i = 0; i < counts.size(); ++i)
    require(counts[i] > 0 || rule.parts[i] == 0, source, "has too few ", what.many, " (", classes, ") for a share of ",
            100 * rule.parts[i], " % for ", to_string(all_splits[i]), " (use larger shares, or bring more ", what.many,
            ")");
  return counts;
}

std::vector<Split> by_list(const std::string& path, const std::vector<std::string>& classes, const std::string& source,
                           const Dealt& what) {
  std::map<std::string, Split> listed;
  std::istringstream lines(read_text_file(path));
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line == what.one + ",split") continue;
    const auto comma = line.rfind(',');
    const auto split = comma == line.npos ? std::nullopt : split_named(line.substr(comma + 1));
    require(split.has_value(), path, "line ", number, " is not of the form ", what.one,
            ",split (splits: train, val, test)");
    const std::string name = line.substr(0, comma);
    require(std::binary_search(classes.begin(), classes.end(), name), path, "line ", number, ": ", source, " has no ",
            what.one, " ", name, did_you_mean(name, classes));
    require(listed.emplace(name, *split).second, path, "line ", number, ": ", what.one, " ", name, " is listed twice");
  }
  std::vector<Split> splits;
  for (const auto& name : classes) {
    const auto found = listed.find(name);
    require(found != listed.end(), path, "does not list ", what.one, " ", name, " of ", source, " (add a line ", name,
            ",train)");
    splits.push_back(found->second);
  }
  return splits;
}

}  // namespace

SplitRule parse_split_rule(const std::string& text) {
  if (text == "folders") return {SplitRule::Kind::folders, {}, ""};
  const auto shares = numbers_in(text, "%"), counts = numbers_in(text, "");
  const auto& numbers = shares.empty() ? counts : shares;
  if (numbers.empty()) return {SplitRule::Kind::list, {}, text};
  require(numbers.size() == 2 || numbers.size() == 3, "--split",
          "wants numbers for train/validation/test, or for train/test, but has '", text, "'");
  Parts parts = {numbers.front(), numbers.size() == 3 ? numbers[1] : 0, numbers.back()};
  if (shares.empty()) return {SplitRule::Kind::counts, parts, ""};
  require(parts[0] + parts[1] + parts[2] == 100, "--split", "'", text, "' does not add up to 100%");
  for (double& part : parts) part /= 100;
  return {SplitRule::Kind::shares, parts, ""};
}

std::vector<Split> deal(const SplitRule& rule, const std::vector<std::string>& classes, std::uint64_t seed,
                        const std::string& source, const Dealt& what) {
  if (rule.kind == SplitRule::Kind::list) return by_list(rule.list, classes, source, what);
  const auto counts = whole_parts(rule, classes.size(), source, what);
  Rng rng(seed, Purpose::data_split);
  const auto order = rng.permutation(static_cast<std::uint32_t>(classes.size()));
  std::vector<Split> splits(classes.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < counts.size(); ++i)
    for (std::size_t n = 0; n < counts[i]; ++n) splits[order[next++]] = all_splits[i];
  return splits;
}

}  // namespace maml
