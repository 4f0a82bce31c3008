#include "maml/io/append_file.h"

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace maml {

AppendFile::AppendFile(std::string path, int flags)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0666)) {
  if (descriptor_ < 0) fail(path_, "cannot be written: ", errno_text(errno));
}

AppendFile::AppendFile(const std::string& path) : AppendFile(path, 0) {}

AppendFile AppendFile::create(const std::string& path) {
  return {path, O_CREAT | O_EXCL};
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AppendFile::append(std::string_view piece) {
  struct stat before {};
  if (::fstat(descriptor_, &before) != 0) fail(path_, "cannot be written: ", errno_text(errno));
  ssize_t written = -1;
  do {
    written = ::write(descriptor_, piece.data(), piece.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(piece.size())) return;
  // A part of the piece fitted: take it back. The next byte would not have fitted either, for want of space or by a
  // limit.
  const int reason = written < 0 ? errno : ENOSPC;
  const bool taken_back = written < 0 || ::ftruncate(descriptor_, before.st_size) == 0;
  fail(path_, "cannot be appended to: ", errno_text(reason), taken_back ? "" : "; what it ends with is incomplete");
}

void AppendFile::sync() {
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP)
    fail(path_, "cannot be synchronised to disk: ", errno_text(errno));
}

}  // namespace maml
