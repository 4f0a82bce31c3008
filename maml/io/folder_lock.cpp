#include "maml/io/folder_lock.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"

namespace maml {

FolderLock::FolderLock(const std::string& folder)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0) fail(folder, "cannot be opened: ", errno_text(errno));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(descriptor_);
  fail(folder, "is being trained by another process (wait for it, stop it, or choose another folder)");
}

FolderLock::~FolderLock() {
  ::close(descriptor_);
}

}  // namespace maml
