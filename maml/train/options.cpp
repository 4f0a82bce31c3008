#include "maml/train/options.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <type_traits>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/io/atomic_file.h"
#include "maml/io/toml.h"
#include "maml/train/option_text.h"

namespace maml {

namespace {

std::string shown(const toml::node& node) {
  if (const auto* text = node.as_string()) return "the text " + toml_text(text->get());
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return toml_text(number->get());
  if (const auto* flag = node.as_boolean()) return toml_text(flag->get());
  if (node.is_array()) return "a list";
  if (node.is_table()) return "a table";
  return "a date or time";
}

// read(node, field): whether the node fits the field, which then holds its value.

bool read(const toml::node& node, std::string& field) {
  const auto* text = node.as_string();
  if (text) field = text->get();
  return text;
}

bool read(const toml::node& node, bool& field) {
  const auto* flag = node.as_boolean();
  if (flag) field = flag->get();
  return flag;
}

template <class Integer>
requires std::is_integral_v<Integer>
bool read(const toml::node& node, Integer& field) {
  const auto* number = node.as_integer();
  if (!number) return false;
  const std::int64_t value = number->get();
  if constexpr (std::is_unsigned_v<Integer>) {
    if (value < 0) return false;
  } else if constexpr (sizeof(Integer) < sizeof value) {
    if (value < std::numeric_limits<Integer>::min() || value > std::numeric_limits<Integer>::max()) return false;
  }
  field = static_cast<Integer>(value);
  return true;
}

bool read(const toml::node& node, double& field) {
  if (const auto* number = node.as_integer()) {
    field = static_cast<double>(number->get());
    return true;
  }
  const auto* number = node.as_floating_point();
  if (number) field = number->get();
  return number;
}

bool read(const toml::node& node, Published& field) {
  const auto* pair = node.as_array();
  return pair && pair->size() == 2 && read(*pair->get(0), field.step) && read(*pair->get(1), field.value);
}

bool read(const toml::node& node, RateTable& field) {
  double everywhere = 0;
  if (read(node, everywhere)) {
    field = RateTable(everywhere);
    return true;
  }
  const auto* table = node.as_table();
  if (!table || table->empty()) return false;
  std::vector<std::pair<toml::source_position, std::pair<std::string, double>>> entries;
  for (const auto& [key, value] : *table) {
    double rate = 0;
    if (!read(value, rate)) return false;
    entries.push_back({key.source().begin, {std::string(key.str()), rate}});
  }
  // toml++ sorts keys by name; which pattern counts depends on their order in the file.
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.line, a.first.column) < std::pair(b.first.line, b.first.column);
  });
  field = RateTable(0);
  for (auto& entry : entries) field.by_name.push_back(std::move(entry.second));
  return true;
}

template <class T> bool read(const toml::node& node, std::vector<T>& field) {
  const auto* list = node.as_array();
  if (!list) return false;
  std::vector<T> values(list->size());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!read(*list->get(i), values[i])) return false;
  field = std::move(values);
  return true;
}

/// `a whole number`, `true or false`.
template <class Field> std::string wanted(const Field& field) {
  const std::string type = type_text(field);
  return (type.starts_with("true") || type.starts_with("text") ? "" : "a ") + type;
}

std::string line_text(const toml::node& node) {
  return "line " + std::to_string(node.source().begin.line) + ": ";
}

std::vector<std::string> all_keys() {
  std::vector<std::string> keys;
  const Options defaults;
  visit(defaults, [&](const char* key, const auto&, const char*) { keys.emplace_back(key); });
  return keys;
}

/// Whether there is an option of that key; sets it from the node. Throws where the node does not fit.
bool assign(Options& options, const std::string& key, const toml::node& node, const std::string& where,
            const std::string& place) {
  bool found = false;
  visit(options, [&](const char* name, auto& field, const char*) {
    if (found || key != name) return;
    found = true;
    require(read(node, field), where, place, key, " wants ", wanted(field), ", but it is ", shown(node));
  });
  return found;
}

/// What a table of the file holds.
struct Entry {
  std::string key;
  const toml::node* node;
  toml::source_position at;
};

void read_table(Options& options, const toml::table& table, const std::string& prefix, const std::string& name) {
  std::vector<Entry> entries;
  for (const auto& [key, node] : table)
    if (!prefix.empty() || key != "base")
      entries.push_back({prefix + std::string(key.str()), &node, key.source().begin});
  // In the order of the file, so that the first mistake is the one reported.
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.at.line, a.at.column) < std::pair(b.at.line, b.at.column);
  });
  const auto keys = all_keys();
  for (const auto& entry : entries) {
    const std::string& key = entry.key;
    const toml::node& node = *entry.node;
    if (assign(options, key, node, name, line_text(node))) continue;
    const bool is_section =
        std::any_of(keys.begin(), keys.end(), [&](const std::string& known) { return known.starts_with(key + "."); });
    if (const auto* inner = node.as_table(); inner && (is_section || !inner->empty()))
      read_table(options, *inner, key + ".", name);
    else if (is_section)
      fail(name, line_text(node), key, " is a table of keys, but it is ", shown(node), " (write [", key, "])");
    else
      fail(name, "unknown key ", key, did_you_mean(key, keys));
  }
}

/// Throws Error for a character outside ASCII that stands neither in quotes nor in a comment, which TOML does not allow
/// and toml++ 3.3 does not survive.
void require_ascii_outside_quotes(const std::string& text, const std::string& name) {
  std::string quote;  // what ends the text we are in
  int line = 1;
  const std::size_t begin = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;  // a byte-order mark
  for (std::size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    line += c == '\n';
    if (!quote.empty()) {
      if (c == '\\' && quote[0] == '"')
        ++i;
      else if (text.compare(i, quote.size(), quote) == 0)
        i += quote.size() - 1, quote.clear();
      else if (c == '\n' && quote.size() == 1)
        quote.clear();
    } else if (c == '#') {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if ((c == '"' || c == '\'') &&
               !(i > 0 && (std::isalnum(static_cast<unsigned char>(text[i - 1])) || std::strchr("_+-", text[i - 1])))) {
      // (A quote right behind a bare word opens nothing.)
      quote = std::string(text.compare(i, 3, std::string(3, c)) == 0 ? 3 : 1, c);
      i += quote.size() - 1;
    } else {
      require(static_cast<unsigned char>(c) < 0x80, name, "is no TOML: line ", line,
              ": a character outside ASCII stands outside quotes (quote the text, or name another file)");
    }
  }
}

toml::table parse_toml(const std::string& text, const std::string& name) {
  require_ascii_outside_quotes(text, name);
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    fail(name, "is no TOML: line ", error.source().begin.line, ": ", error.description());
  }
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

namespace {

/// The file that `base = NAME` in the file `of` means.
std::string base_file(const std::string& base, const std::string& of) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(of).parent_path();
  if (base.ends_with(".toml")) return (folder / base).lexically_normal().string();
  std::error_code unreadable;
  const fs::path beside = folder / (base + ".toml");
  return fs::is_regular_file(beside, unreadable) ? beside.string() : preset_file(base);
}

/// chain: the files that wait for this one, outermost first.
Options parse_options(const std::string& text, const std::string& name, std::vector<std::string> chain) {
  Options options;
  const auto table = parse_toml(text, name);
  if (const toml::node* node = table.get("base")) {
    std::string base;
    require(read(*node, base) && !base.empty(), name, line_text(*node), "base wants the name of a preset, or a path ",
            "to a TOML file");
    chain.push_back(name);
    try {
      base = base_file(base, name);
    } catch (const Error& error) {
      fail(name, line_text(*node), "base: ", error.what());
    }
    require(std::find(chain.begin(), chain.end(), base) == chain.end(), name, line_text(*node),
            "base goes round in a circle: ", join(chain), ", ", base, " (let one of them state all its keys)");
    options = parse_options(read_text_file(base), base, chain);
  }
  read_table(options, table, "", name);
  return options;
}

}  // namespace

Options parse_options(const std::string& text, const std::string& name) {
  return parse_options(text, name, {});
}

Options load_options(const std::string& path) {
  return parse_options(read_text_file(path), path);
}

void set_option(Options& options, const std::string& assignment) {
  const auto equals = assignment.find('=');
  require(equals != std::string::npos, assignment, "is no assignment (write key=value)");
  const std::string key = trimmed(assignment.substr(0, equals)), value = trimmed(assignment.substr(equals + 1));
  bool found = false;
  visit(options, [&](const char* name, auto& field, const char*) {
    if (found || key != name) return;
    found = true;
    using Field = std::remove_reference_t<decltype(field)>;
    const bool quoted = !value.empty() && (value[0] == '"' || value[0] == '\'');
    if constexpr (std::is_same_v<Field, std::string>) {
      if (!quoted) {
        field = value;
        return;
      }
    }
    if constexpr (std::is_same_v<Field, std::vector<std::string>>) {
      if (!quoted && (value.empty() || value[0] != '[')) {
        field = {value};
        return;
      }
    }
    toml::table table;
    try {
      table = toml::parse("value = " + value);
    } catch (const toml::parse_error&) {
      fail(assignment, key, " wants ", wanted(field), ", but it is '", value, "'");
    }
    require(table.size() == 1 && read(*table.get("value"), field), assignment, key, " wants ", wanted(field),
            ", but it is ", shown(*table.get("value")));
  });
  require(found, assignment, "unknown key ", key, did_you_mean(key, all_keys()));
}

std::string to_toml(const Options& options) {
  std::string text, table;
  visit(options, [&](const std::string& key, const auto& field, const char* help) {
    const auto dot = key.find('.');
    if (key.substr(0, dot) != table) {
      text += (table.empty() ? "" : "\n") + ("[" + key.substr(0, dot) + "]\n");
      table = key.substr(0, dot);
    }
    text += key.substr(dot + 1) + " = " + toml_text(field) + "  # " + help + "\n";
  });
  return text;
}

std::vector<OptionInfo> describe_options(const Options& options) {
  std::vector<OptionInfo> infos;
  visit(options, [&](const char* key, const auto& field, const char* help) {
    infos.push_back({key, type_text(field), toml_text(field), help});
  });
  return infos;
}

}  // namespace maml
