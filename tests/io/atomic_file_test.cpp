#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/io/fault.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/error_of.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <string_view>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace maml;
using maml::test::error_of;
using maml_test::bytes_of;
using maml_test::in_child;
using maml_test::ScratchFolder;

namespace {

std::string refusal(const std::string& path, std::string_view text) {
  return error_of([&] { write_atomically(path, text); });
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("a file is replaced as a whole") {
  const ScratchFolder folder;
  const std::string path = folder.file("a"), long_text(3'000'000, 'x');
  write_atomically(path, "first");
  CHECK(bytes_of(path) == "first");
  write_atomically(path, long_text);
  CHECK(read_text_file(path) == long_text);
  write_atomically(path, "");
  CHECK(read_file(path).empty());
  maml_test::put_bytes(path + ".tmp", "left by a killed process, and longer");
  write_atomically(path, "short");
  CHECK(bytes_of(path) == "short");
  CHECK(folder.files() == 1);
}

TEST_CASE("a write that cannot be done names the path and the mend, and leaves nothing") {
  const ScratchFolder folder;
  const std::string missing = folder.file("no/a");
  CHECK(refusal(missing, "x") ==
        "[" + missing + "] cannot be written: No such file or directory (check the path; its folder must exist)");
  CHECK(contains(refusal(folder.path(), "x"), "Is a directory (name a file, not a folder)"));
  CHECK(contains(refusal(folder.path() + "/", "x"), "names no file"));
  write_atomically(folder.file("file"), "x");
  CHECK(contains(refusal(folder.file("file/a"), "x"), "a part of the path is a file"));
  CHECK(contains(refusal(folder.file(std::string(300, 'n')), "x"), "choose a shorter name"));
  CHECK(folder.files() == 1);
}

TEST_CASE("an unwritable folder is refused") {
  const ScratchFolder folder;
  write_atomically(folder.file("a"), "old");
  REQUIRE(::chmod(folder.path().c_str(), 0555) == 0);
  const int status = in_child([&] {
    // The superuser may write everywhere, so the child becomes somebody else.
    if (::geteuid() == 0 && ::setuid(65534) != 0) return 77;
    return contains(refusal(folder.file("a"), "new"), "Permission denied (change its permissions") ? 0 : 1;
  });
  ::chmod(folder.path().c_str(), 0755);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) {
    MESSAGE("SKIPPED: cannot give up the superuser's rights");
    return;
  }
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(bytes_of(folder.file("a")) == "old");
}

TEST_CASE("a limit on file sizes keeps the old file and removes the temporary") {
  const ScratchFolder folder;
  write_atomically(folder.file("a"), "old");
  const int status = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{5000, 5000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    return contains(refusal(folder.file("a"), std::string(100'000, 'x')), "see ulimit -f") ? 0 : 1;
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(bytes_of(folder.file("a")) == "old");
  CHECK(folder.files() == 1);
}

TEST_CASE("a full disk keeps the old file and removes the temporary") {
  const ScratchFolder folder;
  const int status = in_child([&] {
    // A file system of 64 kB of the child's own, in a user namespace where it is not the superuser.
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return 77;
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0) return 77;
    write_atomically(folder.file("a"), "old");
    const std::string message = refusal(folder.file("a"), std::string(100'000, 'x'));
    if (!contains(message, "No space left on device (free some space")) return 1;
    return bytes_of(folder.file("a")) == "old" && folder.files() == 1 ? 0 : 2;
  });
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) {
    MESSAGE("SKIPPED: no small file system may be mounted here");
    return;
  }
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a process killed at any fault point leaves the old file or the new one") {
  const ScratchFolder folder;
  const std::string path = folder.file("a");
  const struct {
    const char* point;
    const char* left;
  } cases[] = {{"checkpoint.before_write", "second"},
               {"checkpoint.after_write", "second"},
               {"checkpoint.after_fsync", "second"},
               {"checkpoint.after_rename", "third"}};
  for (const auto& each : cases) {
    CAPTURE(each.point);
    write_atomically(path, "first");
    const int status = in_child([&, at = std::string(each.point) + ":2"] {
      ::setenv("MAML_KILL_AT", at.c_str(), 1);
      write_atomically(path, "second", "checkpoint");
      write_atomically(path, "unnamed");
      write_atomically(path, "second");
      write_atomically(path, "third", "checkpoint");
      return 0;
    });
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGKILL);
    CHECK(bytes_of(path) == each.left);
  }
  write_atomically(path, "last", "checkpoint");
  CHECK(bytes_of(path) == "last");
  CHECK(folder.files() == 1);
}

TEST_CASE("a malformed MAML_KILL_AT is an error") {
  for (const char* setting : {"checkpoint.after_write", "a:", "a:0", "a:x", ":1", "a:1x"}) {
    CAPTURE(setting);
    const int status = in_child([setting] {
      ::setenv("MAML_KILL_AT", setting, 1);
      try {
        fault_point("a");
      } catch (const Error& error) {
        return contains(error.what(), "[MAML_KILL_AT]") ? 0 : 1;
      }
      return 2;
    });
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
}
