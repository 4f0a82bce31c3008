#include "cli/option_table.h"

#include <algorithm>
#include <cctype>

namespace maml::cli {

namespace {

void add_alternative(std::string type, Values& values) {
  if (type.ends_with("..")) type.resize(type.size() - 2);
  if (type.empty()) return;
  const auto dot = type.find('.');
  if (std::islower(static_cast<unsigned char>(type[0]))) {
    const auto equals = type.find('=');
    values.words.push_back(equals == std::string::npos ? type : type.substr(0, equals + 1));
  } else if (type == "PRESET") {
    values.presets = true;
  } else if (type == "ALGORITHM") {
    values.algorithms = true;
  } else if (type == "KEY=VALUE") {
    values.assignments = true;
  } else if (type == "DIR" || type == "RUN") {
    values.folders = true;
  } else if (type == "FILE" || type == "PATH") {
    values.endings.emplace_back();
  } else if (type == "ZIP") {
    values.endings.emplace_back(".zip");
  } else if (type == "TAR") {
    values.endings.insert(values.endings.end(), {".tar", ".tar.gz", ".tgz"});
  } else if (dot != std::string::npos) {
    values.endings.push_back(type.substr(dot));
  }
}

}  // namespace

std::vector<const CLI::App*> verbs_below(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->nonpositional(); });
}

std::vector<const CLI::Option*> places_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->get_positional(); });
}

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

bool takes_more(const CLI::Option& option) {
  return may_repeat(option) && (option.get_positional() || option.get_allow_extra_args());
}

bool may_repeat(const CLI::Option& option) {
  return option.get_items_expected_max() > 1;
}

Values values_of(const CLI::Option& option) {
  Values values;
  if (!takes_value(option)) return values;
  const std::string types = option.get_type_name();
  for (std::size_t begin = 0; begin <= types.size();) {
    const auto end = std::min(types.find_first_of("| ", begin), types.size());
    add_alternative(types.substr(begin, end - begin), values);
    begin = end + 1;
  }
  return values;
}

}  // namespace maml::cli
