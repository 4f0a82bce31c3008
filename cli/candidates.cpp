#include "cli/candidates.h"

#include <algorithm>
#include <set>

#include "cli/option_table.h"
#include "maml/algorithms/algorithm.h"
#include "maml/train/options.h"

namespace maml::cli {

namespace {

/// Candidates for what is typed so far.
struct Answer {
  std::string typed;
  std::string before = {};  ///< what stands before the value: `--out=`
  std::string lines = {};

  void add(const std::string& word, std::string about = "") {
    const std::string whole = before + word;
    if (!whole.starts_with(typed)) return;
    std::replace_if(
        about.begin(), about.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
    lines += whole + "\t" + about + "\n";
  }
  void add_folders() { lines += ":folders\n"; }
  void add_files(const std::string& ending) { lines += ":files\t" + ending + "\n"; }
};

bool is_option(const std::string& word) {
  return word.size() > 1 && word[0] == '-';
}

/// The words that a key's help lists as `a | b | c`.
std::vector<std::string> listed_in(const std::string& help) {
  std::vector<std::string> words;
  auto bar = help.find(" | ");
  if (bar == std::string::npos) return words;
  for (auto begin = help.rfind(' ', bar - 1) + 1;; begin = bar + 3) {
    words.push_back(help.substr(begin, help.find_first_of(" ,:;", begin) - begin));
    bar = help.find(" | ", begin);
    if (bar == std::string::npos) return words;
  }
}

void add_algorithms(const std::string& before, Answer& answer) {
  for (const auto& row : algorithms()) answer.add(before + std::string(row.name), std::string(row.summary));
}

/// KEY=, or the values of the key that is typed already.
void add_assignments(Answer& answer) {
  const auto keys = describe_options();
  const std::string typed = answer.typed.substr(std::min(answer.before.size(), answer.typed.size()));
  const auto equals = typed.find('=');
  if (equals == std::string::npos) {
    for (const auto& info : keys) answer.add(info.key + "=", info.help);
    return;
  }
  const std::string key = typed.substr(0, equals);
  const auto info = std::find_if(keys.begin(), keys.end(), [&](const OptionInfo& one) { return one.key == key; });
  if (info == keys.end()) return;
  if (key == "outer.algorithm") return add_algorithms(key + "=", answer);
  const auto words = info->value == "true" || info->value == "false" ? std::vector<std::string>{"true", "false"}
                                                                     : listed_in(info->help);
  for (const auto& word : words) answer.add(key + "=" + word);
  if (key == "data.file") answer.add_files(".maml");
  if (key == "train.init") answer.add_files(".safetensors");
}

void add_values(const CLI::Option& option, Answer& answer) {
  const Values values = values_of(option);
  for (const auto& word : values.words) answer.add(word);
  if (values.presets)
    for (const auto& preset : list_presets()) answer.add(preset.name, preset.title);
  if (values.algorithms) add_algorithms("", answer);
  if (values.assignments) add_assignments(answer);
  if (values.folders && values.endings.empty()) answer.add_folders();
  for (const auto& ending : values.endings) answer.add_files(ending);
}

const CLI::Option* find_option(const std::vector<const CLI::Option*>& options, const std::string& name) {
  for (const auto* option : options)
    for (const auto& own : names_of(*option))
      if (own == name) return option;
  return nullptr;
}

/// What a verb's words say of the one that follows them.
struct Place {
  std::set<const CLI::Option*> given;
  const CLI::Option* open = nullptr;  ///< the option whose value it may be
  bool is_due = false;                ///< it must be
  std::size_t plain = 0;              ///< words taken by place
};

Place place_after(const std::vector<const CLI::Option*>& options, const std::vector<std::string>& words,
                  std::size_t begin, std::size_t end) {
  Place place;
  for (std::size_t i = begin; i < end; ++i) {
    if (place.is_due) {
      place.is_due = false;
      if (!takes_more(*place.open)) place.open = nullptr;
    } else if (is_option(words[i])) {
      const auto equals = words[i].find('=');
      const auto* option = find_option(options, words[i].substr(0, equals));
      if (option) place.given.insert(option);
      place.is_due = option && takes_value(*option) && equals == std::string::npos;
      place.open = place.is_due ? option : nullptr;
    } else if (!place.open) {
      ++place.plain;
    }
  }
  return place;
}

void add_options(const std::vector<const CLI::Option*>& options, const Place& place, Answer& answer) {
  for (const auto* option : options)
    if (!place.given.count(option) || may_repeat(*option))
      for (const auto& name : option->get_lnames()) answer.add("--" + name, option->get_description());
}

}  // namespace

std::string candidates(const CLI::App& program, const std::vector<std::string>& words) {
  if (words.empty()) return "";
  Answer answer{words.back()};
  const std::size_t last = words.size() - 1;
  const CLI::App* verb = &program;
  std::size_t at = 0;
  for (auto below = verbs_below(*verb); !below.empty(); below = verbs_below(*verb), ++at) {
    if (at == last) {
      for (const auto* app : below) answer.add(app->get_name(), app->get_description());
      if (is_option(answer.typed)) add_options(options_of(*verb), {}, answer);
      return answer.lines;
    }
    const auto found =
        std::find_if(below.begin(), below.end(), [&](const CLI::App* app) { return app->get_name() == words[at]; });
    if (found == below.end()) return "";
    verb = *found;
  }

  const auto options = options_of(*verb), places = places_of(*verb);
  const Place place = place_after(options, words, at, last);
  const auto equals = answer.typed.find('=');
  const bool has_dash = answer.typed.starts_with("-");
  if (place.is_due || (place.open && !has_dash)) {
    add_values(*place.open, answer);
  } else if (has_dash && equals != std::string::npos) {
    answer.before = answer.typed.substr(0, equals + 1);
    if (const auto* option = find_option(options, answer.typed.substr(0, equals))) add_values(*option, answer);
  } else if (has_dash) {
    add_options(options, place, answer);
  } else if (!places.empty() && (place.plain < places.size() || takes_more(*places.back()))) {
    add_values(*places[std::min(place.plain, places.size() - 1)], answer);
  }
  // Nothing else can follow, or be listed.
  if (answer.lines.empty() && answer.typed.empty() && !place.is_due) add_options(options, place, answer);
  return answer.lines;
}

}  // namespace maml::cli
