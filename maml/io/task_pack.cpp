#include "maml/io/task_pack.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <set>

#include <nlohmann/json.hpp>

#include "maml/base/error.h"
#include "maml/base/finite.h"
#include "maml/io/atomic_file.h"
#include "maml/io/safetensors.h"

namespace maml {

namespace {

const char* const format_name = "maml tasks 1";
const char* const remedy = " (import it again, or restore it from a copy)";
constexpr std::size_t longest_name = 4096;

bool is_printable(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void require_names(const std::vector<std::string>& names, const char* what, const std::string& name) {
  require(!names.empty(), name, "has no ", what, "s");
  std::set<std::string> seen;
  for (const auto& one : names) {
    require(!one.empty() && one.size() <= longest_name && is_printable(one), name, "has a ", what,
            " whose name is empty, too long or not plain text (rename it)");
    require(seen.insert(one).second, name, "two ", what, "s have the name ", one, " (rename one)");
  }
}

std::string list_text(const std::vector<std::string>& names, const std::string& path) {
  try {
    return nlohmann::json(names).dump();
  } catch (const nlohmann::json::exception&) {
    fail(path, "has names that are not UTF-8 (save the table as UTF-8)");
  }
}

std::vector<std::string> parse_list(const TensorFile& file, const char* key, const std::string& path) {
  try {
    return nlohmann::json::parse(file.meta(key)).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    fail(path, "is damaged: its ", key, " are no list of names", remedy);
  }
}

std::vector<std::string> task_names(const TaskPack& pack) {
  std::vector<std::string> names;
  for (const auto& task : pack.tasks) names.push_back(task.name);
  return names;
}

/// The tensor's elements, where it has that shape and type.
template <class T>
std::span<const T> elements(const TensorFile& file, const char* name, const std::vector<std::size_t>& shape,
                            const std::string& path) {
  const Tensor& tensor = file.at(name);
  require(tensor.dtype == dtype_of<T>() && tensor.shape == shape, path, "is damaged: ", name, " is ",
          to_string(tensor.dtype), " ", shape_text(tensor.shape), ", but must be ", to_string(dtype_of<T>()), " ",
          shape_text(shape), remedy);
  return tensor.view<T>();
}

}  // namespace

bool may_be_task_pack(const std::string& path) {
  char start[9] = {};  // the header's length, and its first character
  std::ifstream(path, std::ios::binary).read(start, sizeof start);
  return start[8] == '{';
}

void require_sound(const TaskPack& pack, const std::string& name) {
  require_names(pack.inputs, "input", name);
  require_names(pack.targets, "target", name);
  require_names(task_names(pack), "task", name);
  require(is_printable(pack.task) && is_printable(pack.about), name, "has a text that is not plain");
  for (std::size_t i = 0, next = 0; i < pack.tasks.size(); next += pack.tasks[i++].count) {
    require(pack.tasks[i].count >= 1, name, "task ", pack.tasks[i].name, " has no rows (leave it out)");
    require(pack.tasks[i].first == next, name, "task ", pack.tasks[i].name, " does not lie behind the one before it");
  }
  require(pack.x.size() == pack.rows() * pack.inputs.size() && pack.y.size() == pack.rows() * pack.targets.size(), name,
          "has ", pack.x.size(), " inputs and ", pack.y.size(), " targets, which are not ", pack.rows(), " rows");
  require(all_finite<double>(pack.x) && all_finite<double>(pack.y), name, "holds a number that is not finite");
}

std::vector<std::byte> format_task_pack(const TaskPack& pack, const std::string& name) {
  require_sound(pack, name);
  std::vector<std::int64_t> counts;
  std::vector<std::uint8_t> splits;
  for (const auto& task : pack.tasks) {
    counts.push_back(static_cast<std::int64_t>(task.count));
    splits.push_back(static_cast<std::uint8_t>(task.split));
  }
  TensorFile file;
  file.tensors = {Tensor::of("x", {pack.rows(), pack.inputs.size()}, pack.x.data()),
                  Tensor::of("y", {pack.rows(), pack.targets.size()}, pack.y.data()),
                  Tensor::of("counts", {counts.size()}, counts.data()),
                  Tensor::of("splits", {splits.size()}, splits.data())};
  file.metadata = {{"format", format_name},
                   {"about", pack.about},
                   {"task", pack.task},
                   {"tasks", list_text(task_names(pack), name)},
                   {"inputs", list_text(pack.inputs, name)},
                   {"targets", list_text(pack.targets, name)}};
  return format_checked(file, name);
}

TaskPack parse_task_pack(std::span<const std::byte> bytes, const std::string& name) {
  const TensorFile file = parse_checked(bytes, name);
  const auto format = file.metadata.find("format");
  require(format != file.metadata.end() && format->second == format_name, name,
          "is no task pack (maml data import csv writes one)");
  TaskPack pack;
  pack.about = file.meta("about");
  pack.task = file.meta("task");
  pack.inputs = parse_list(file, "inputs", name);
  pack.targets = parse_list(file, "targets", name);
  auto names = parse_list(file, "tasks", name);
  const auto counts = elements<std::int64_t>(file, "counts", {names.size()}, name);
  const auto splits = elements<std::uint8_t>(file, "splits", {names.size()}, name);
  const std::size_t all = file.at("x").shape.empty() ? 0 : file.at("x").shape.front();
  const auto x = elements<double>(file, "x", {all, pack.inputs.size()}, name);
  const auto y = elements<double>(file, "y", {all, pack.targets.size()}, name);
  std::size_t first = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    require(splits[i] < all_splits.size() && counts[i] >= 1 && static_cast<std::uint64_t>(counts[i]) <= all - first,
            name, "is damaged: task ", i, " has ", counts[i], " rows of ", all, " in split ", int{splits[i]}, remedy);
    const auto count = static_cast<std::size_t>(counts[i]);
    pack.tasks.push_back({std::move(names[i]), static_cast<Split>(splits[i]), first, count});
    first += count;
  }
  pack.x.assign(x.begin(), x.end());
  pack.y.assign(y.begin(), y.end());
  require_sound(pack, name);
  return pack;
}

void write_task_pack(const std::string& path, const TaskPack& pack) {
  write_atomically(path, std::span<const std::byte>(format_task_pack(pack, path)));
}

TaskPack read_task_pack(const std::string& path) {
  const auto bytes = read_file(path);
  require(may_be_task_pack(path), path, "is no task pack (maml data import csv writes one)");
  return parse_task_pack(bytes, path);
}

}  // namespace maml
