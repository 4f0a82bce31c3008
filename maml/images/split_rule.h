#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "maml/io/image_pack_index.h"

namespace maml {

/// How classes are dealt to the splits.
struct SplitRule {
  enum class Kind {
    counts,   ///< so many classes each, after a shuffle
    shares,   ///< such shares of the classes, after a shuffle
    folders,  ///< the folder at the top: train, val (or validation, valid), test
    list,     ///< a CSV file of lines `class,split` (or `task,split`)
  };
  Kind kind = Kind::shares;
  std::array<double, all_splits.size()> parts{};  ///< counts, or shares that add up to 1
  std::string list;                               ///< path of the file
};

/// `1100/100/423` (train, validation, test), `1200/423` (train, test), `64%/16%/20%`, `folders`, or else the path of a
/// list.
SplitRule parse_split_rule(const std::string& text);

/// What is dealt out, for messages.
struct Dealt {
  std::string one = "class", many = "classes";
};

/// The split of each class by counts, shares or a list; `classes` are sorted. The same names and seed give the same
/// splits. `source` stands for them in messages.
std::vector<Split> deal(const SplitRule& rule, const std::vector<std::string>& classes, std::uint64_t seed,
                        const std::string& source, const Dealt& what = {});

}  // namespace maml
