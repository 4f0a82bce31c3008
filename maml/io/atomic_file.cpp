#include "maml/io/atomic_file.h"

#include "maml/base/error.h"
#include "maml/io/fault.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace maml {

namespace {

void pass(std::string_view label, const char* point) {
  if (!label.empty()) fault_point(std::string(label) + point);
}

/// A descriptor that closes itself.
struct Descriptor {
  int value;
  explicit Descriptor(int opened) : value(opened) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

void synchronise(int descriptor, const std::string& path) {
  // Some file systems cannot synchronise and say so; there is nothing more to do on those.
  if (::fsync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP)
    fail(path, "cannot be synchronised to disk: ", errno_text(errno));
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

std::string errno_text(int error) {
  const auto mend = [error]() -> const char* {
    switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free some space, or choose another folder";
    case EFBIG:
      return "raise the limit on file sizes, see ulimit -f";
    case EACCES:
    case EPERM:
    case EROFS:
      return "change its permissions, or choose another place";
    case ENOENT:
      return "check the path; its folder must exist";
    case ENOTDIR:
      return "a part of the path is a file, not a folder";
    case EISDIR:
      return "name a file, not a folder";
    case ENAMETOOLONG:
      return "choose a shorter name";
    case EMFILE:
    case ENFILE:
      return "close some files, or raise ulimit -n";
    default:
      return "check the disk";
    }
  };
  return std::generic_category().message(error) + " (" + mend() + ")";
}

AtomicFile::AtomicFile(const std::string& path, std::string_view label)
    : path_(path), temporary_(path + ".tmp"), label_(label) {
  require(!path.empty() && path.back() != '/', path, "cannot be written: it names no file (add a file name)");
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
    fail(path, "cannot be written: ", errno_text(EISDIR));
  descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(path, "cannot be written: ", errno_text(errno));
}

AtomicFile::~AtomicFile() {
  ::close(descriptor_);
  if (!is_committed_) ::unlink(temporary_.c_str());
}

void AtomicFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path_, "cannot be written: ", errno_text(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
}

void AtomicFile::read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path_, "cannot be read back: ", errno_text(errno));
    require(count > 0, path_, "cannot be read back: it ends at byte ", offset, " (check the disk)");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
}

void AtomicFile::resize(std::uint64_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) fail(path_, "cannot be written: ", errno_text(errno));
}

void AtomicFile::commit() {
  pass(label_, ".after_write");
  synchronise(descriptor_, path_);
  pass(label_, ".after_fsync");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail(path_, "cannot be replaced: ", errno_text(errno));
  is_committed_ = true;
  pass(label_, ".after_rename");
  const Descriptor folder(::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.value >= 0) synchronise(folder.value, folder_of(path_));
}

void write_atomically(const std::string& path, std::span<const std::byte> bytes, std::string_view label) {
  AtomicFile file(path, label);
  pass(label, ".before_write");
  file.write_at(0, bytes);
  file.commit();
}

void write_atomically(const std::string& path, std::string_view text, std::string_view label) {
  write_atomically(path, std::as_bytes(std::span(text.data(), text.size())), label);
}

std::vector<std::byte> read_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.value < 0) fail(path, "cannot be read: ", errno_text(errno));
  struct stat status {};
  if (::fstat(file.value, &status) != 0) fail(path, "cannot be read: ", errno_text(errno));
  if (S_ISDIR(status.st_mode)) fail(path, "cannot be read: ", errno_text(EISDIR));
  // One byte more than the size, so that the end is seen without growing; pipes have no size and grow.
  std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size) + 1);
  std::size_t filled = 0;
  while (true) {
    if (filled == bytes.size()) bytes.resize(2 * bytes.size());
    const ssize_t count = ::read(file.value, bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path, "cannot be read: ", errno_text(errno));
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

std::string read_text_file(const std::string& path) {
  const auto bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace maml
