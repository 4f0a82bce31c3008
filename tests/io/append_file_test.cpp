#include "maml/io/append_file.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/error_of.h"

#include <doctest/doctest.h>

#include <csignal>
#include <sys/resource.h>

using namespace maml;
using maml::test::error_of;
using maml_test::bytes_of;
using maml_test::in_child;
using maml_test::ScratchFolder;

TEST_CASE("append file: made once, then gone on with") {
  const ScratchFolder folder;
  const std::string path = folder.file("a");
  CHECK(error_of([&] { AppendFile{path}; }).find("[" + path + "] cannot be written: No such file") == 0);
  AppendFile file = AppendFile::create(path);
  file.append("one ");
  file.sync();
  CHECK(error_of([&] { AppendFile::create(path); }).find("[" + path + "] cannot be written: File exists") == 0);
  AppendFile again(path);
  again.append("two ");
  file.append("three");
  CHECK(bytes_of(path) == "one two three");
  CHECK(file.path() == path);
}

TEST_CASE("append file: a piece that does not fit is taken back") {
  const ScratchFolder folder;
  const std::string path = folder.file("a");
  AppendFile file = AppendFile::create(path);
  file.append("kept");
  const int status = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {6, 6};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string error = error_of([&] { file.append("too long"); });
    return error.find("cannot be appended to: ") != error.npos ? 0 : 1;
  });
  CHECK(status == 0);
  CHECK(bytes_of(path) == "kept");
}
