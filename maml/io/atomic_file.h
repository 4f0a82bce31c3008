#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace maml {

/// A file written in parts that appears at `path` all at once, so that a reader, a crash or a power cut finds the old
/// file or the new one, never a part: `path.tmp` is written; `commit` synchronises it to disk and renames it, then
/// synchronises the folder. Without a commit, after a failure say, the temporary is removed and the old file stays.
/// Errors name the path, the system's reason and how to mend it. A process killed in between may leave `path.tmp`,
/// which the next write replaces. One AtomicFile per path at a time; its parts may be written by many threads.
/// Fault points (maml/io/fault.h), unless `label` is "": label.before_write, .after_write, .after_fsync, .after_rename.
class AtomicFile {
public:
  explicit AtomicFile(const std::string& path, std::string_view label = "");
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  /// What was written there before; an error where the file ends earlier.
  void read_at(std::uint64_t offset, std::span<std::byte> bytes) const;
  /// Cuts or extends the file (with zeros).
  void resize(std::uint64_t size);
  /// Once, in the end.
  void commit();

private:
  std::string path_, temporary_, label_;
  int descriptor_;
  bool is_committed_ = false;
};

/// Replaces the file at `path` by `bytes` through an AtomicFile.
void write_atomically(const std::string& path, std::span<const std::byte> bytes, std::string_view label = "");
void write_atomically(const std::string& path, std::string_view text, std::string_view label = "");

/// All bytes of a file; the error names the path, the reason and its mend.
std::vector<std::byte> read_file(const std::string& path);

/// The same as text.
std::string read_text_file(const std::string& path);

/// `No space left on device (free some space, or choose another folder)`: an errno value in words, with its mend.
std::string errno_text(int error);

}  // namespace maml
