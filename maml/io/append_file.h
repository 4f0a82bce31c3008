#pragma once

#include <string>
#include <string_view>

namespace maml {

/// A file that grows at its end, piece by piece. A piece goes out in a single write, so a killed process leaves whole
/// pieces, and one that does not fit on the disk is taken back before the error is thrown. Errors name the path, the
/// system's reason and how to mend it.
class AppendFile {
public:
  /// Goes on at the end of a file that exists.
  explicit AppendFile(const std::string& path);
  /// A file that must not exist yet.
  static AppendFile create(const std::string& path);

  void append(std::string_view piece);
  /// Waits until all pieces are on the disk.
  void sync();

  const std::string& path() const { return path_; }

  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();

private:
  AppendFile(std::string path, int flags);
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace maml
