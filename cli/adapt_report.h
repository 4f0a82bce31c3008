#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "maml/images/image.h"

namespace maml::cli {

/// A picture that was asked about.
struct Query {
  std::string file;
  std::optional<std::size_t> truth = {};   ///< its class, where its folder says so
  std::vector<double> probabilities = {};  ///< of the classes
  std::size_t predicted() const;
};

/// What `maml adapt` found.
struct AdaptReport {
  std::string model;
  std::vector<std::string> classes;
  std::vector<std::size_t> support;  ///< pictures of each class; empty for a model that was adapted before
  int steps = 0;
  std::string statistics;  ///< of batch norm, "" where there is none
  std::vector<Query> queries;
};

std::string to_json(const AdaptReport&);
void print(const AdaptReport&);

/// Pictures as the model was given them.
struct ShownPictures {
  std::vector<std::vector<Image>> support;  ///< of each class, perhaps the first only
  std::vector<Image> queries;               ///< the report's first ones
};
inline constexpr std::size_t most_shown_support = 8, most_shown_queries = 40;
/// Draws support rows and queries with what they were taken for: PATH.png and PATH.svg. Throws Error, without gnuplot
/// say.
void draw(const AdaptReport&, const ShownPictures&, const std::string& path);

}  // namespace maml::cli
