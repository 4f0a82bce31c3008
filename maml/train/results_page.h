#pragma once

#include <string>
#include <vector>

namespace maml {

/// Writes a section of the page of results, OUT/results/NAME.md, and puts OUT/results.md together anew from all
/// sections there, by their names. Links in a section are from OUT. Returns the files written.
std::vector<std::string> write_results_section(const std::string& out, const std::string& name,
                                               const std::string& markdown);

/// The section on trained models that are kept: a table of the folders of `zoo` that hold config.toml,
/// parameters.safetensors, eval.json and record.json. Throws Error where there is none, or one cannot be read.
std::string zoo_section(const std::string& zoo);

}  // namespace maml
