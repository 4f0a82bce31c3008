#pragma once

#include <string>

namespace maml {

/// Keeps a folder for one writer while it lives, by an advisory lock of the system's: nothing is written, and a process
/// that ends, however it ends, lets go of it.
class FolderLock {
public:
  /// Throws Error where another process (or another lock of this one) has the folder. Where the file system knows no
  /// locks, nothing is kept.
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

private:
  int descriptor_ = -1;
};

}  // namespace maml
