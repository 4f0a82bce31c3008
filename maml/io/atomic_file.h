#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace maml {

/// Replaces the file at `path` by `bytes` so that a reader, a crash or a power cut finds the old file or the new one,
/// never a part: `path.tmp` is written, synchronised to disk and renamed, then the folder is synchronised. On failure
/// the temporary is removed and the error names the path, the system's reason and how to mend it; the old file stays.
/// A process killed in between may leave `path.tmp`, which the next write replaces. One writer per path at a time.
/// Fault points (maml/io/fault.h), unless `label` is "": label.before_write, .after_write, .after_fsync, .after_rename.
void write_atomically(const std::string& path, std::span<const std::byte> bytes, std::string_view label = "");
void write_atomically(const std::string& path, std::string_view text, std::string_view label = "");

/// All bytes of a file; the error names the path, the reason and its mend.
std::vector<std::byte> read_file(const std::string& path);

/// The same as text.
std::string read_text_file(const std::string& path);

/// `No space left on device (free some space, or choose another folder)`: an errno value in words, with its mend.
std::string errno_text(int error);

}  // namespace maml
