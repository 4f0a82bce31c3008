#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "maml/io/image_pack_index.h"

namespace maml {

/// Some rows of a task pack.
struct PackedTask {
  std::string name;  ///< no other task of the pack has it
  Split split = Split::train;
  std::size_t first = 0, count = 0;  ///< its rows
  bool operator==(const PackedTask&) const = default;
};

/// Tasks of numbers, as they are in the table they come from. On disk a safetensors file with a checksum:
///   x, y    f64, rows x inputs and rows x targets, the rows of a task together and in the table's order
///   counts  i64, rows of each task
///   splits  u8, of each task: 0 train, 1 validation, 2 test
///   in the metadata `format` (`maml tasks 1`), `about`, `task` (the column that named the tasks), and as JSON lists
///   `tasks`, `inputs`, `targets`: names
struct TaskPack {
  std::string about;                         ///< where it comes from, how it was made
  std::string task;                          ///< may be empty
  std::vector<std::string> inputs, targets;  ///< names of columns
  std::vector<PackedTask> tasks;
  std::vector<double> x, y;

  std::size_t rows() const { return tasks.empty() ? 0 : tasks.back().first + tasks.back().count; }
  bool operator==(const TaskPack&) const = default;
};

/// Whether a file begins as one in safetensors does; what is wrong with it as a task pack `read_task_pack` says.
bool may_be_task_pack(const std::string& path);

/// Throws Error at `name` unless names are printable and none there twice, no task is without rows, tasks lie one
/// behind the other, and all numbers are finite.
void require_sound(const TaskPack&, const std::string& name);

/// Writes a sound pack, whole or not at all.
void write_task_pack(const std::string& path, const TaskPack&);
TaskPack read_task_pack(const std::string& path);

/// The same in memory; `name` stands for the path.
std::vector<std::byte> format_task_pack(const TaskPack&, const std::string& name);
TaskPack parse_task_pack(std::span<const std::byte> bytes, const std::string& name);

}  // namespace maml
