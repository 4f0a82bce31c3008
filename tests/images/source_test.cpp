#include "maml/images/source.h"

#include <doctest/doctest.h>

#include <map>

#include "maml/base/error.h"
#include "tests/images/pictures.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/error_of.h"

using namespace maml;
using namespace maml_test;
using maml::test::error_of;

namespace {

std::map<std::string, std::string> all_of(const std::string& path, const SourceLimits& limits = {}) {
  std::map<std::string, std::string> files;
  const auto source = Source::open(path, limits);
  source->read([](const std::string&) { return true; },
               [&](const SourceFile& file) {
                 files[file.path] = file.fault.empty() ? std::string(reinterpret_cast<const char*>(file.bytes.data()),
                                                                     file.bytes.size())
                                                       : "FAULT " + file.fault;
               });
  return files;
}

std::string refusal(const std::string& path, const SourceLimits& limits = {}) {
  return error_of([&] {
    (void)Source::open(path, limits)->list();
    (void)all_of(path, limits);
  });
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

const char* const endings[] = {".zip", ".tar", ".tar.gz"};

}  // namespace

TEST_CASE("source: a folder, a zip and a tar of the same files are the same") {
  const ScratchFolder folder;
  const Files files = {{"b/2.png", "two"},      {"a/x/1.png", "one"},     {"./b/ü.txt", std::string(200'000, 'u')},
                       {"b/.hidden", "secret"}, {"__MACOSX/b/2", "junk"}, {".git/config", "junk"},
                       {"a/empty", ""}};
  write_folder(folder.file("files"), files);
  const std::vector<std::string> names = {"a/empty", "a/x/1.png", "b/2.png", "b/ü.txt"};
  const auto source = Source::open(folder.file("files"));
  CHECK(source->list() == names);
  const auto expected = all_of(folder.file("files"));
  CHECK(expected.size() == 4);
  CHECK(expected.at("b/ü.txt").size() == 200'000);
  CHECK(expected.at("a/empty").empty());
  for (const std::string ending : endings) {
    const std::string path = folder.file("files" + ending);
    write_archive(path, files);
    const auto packed = Source::open(path);
    CHECK(packed->list() == names);
    CHECK(all_of(path) == expected);
    std::size_t count = 0;
    packed->read([](const std::string& name) { return name == "b/2.png"; },
                 [&](const SourceFile& file) {
                   CHECK(file.path == "b/2.png");
                   ++count;
                 });
    CHECK(count == 1);
  }
}

TEST_CASE("source: hostile archives and folders are refused by name") {
  const ScratchFolder folder;
  for (const std::string ending : endings) {
    const std::string path = folder.file("bad" + ending);
    const auto refused = [&](const Files& files, const std::string& part) {
      write_archive(path, files);
      const std::string text = refusal(path);
      CAPTURE(path);
      CAPTURE(part);
      CAPTURE(text);
      CHECK(contains(text, "[" + path + "]"));
      CHECK(contains(text, part));
    };
    refused({{"a.png", "x"}, {"../b.png", "y"}}, "holds a path that leads out of it: ../b.png");
    refused({{"c/../../b.png", "y"}}, "leads out of it");
    refused({{"/etc/b.png", "y"}}, "leads out of it: /etc/b.png");
    // In a zip, a backslash is what Windows writes for a slash.
    refused({{ending == ".zip" ? "..\\b.png" : "c\\b.png", "y"}}, "leads out of it");
    refused({{"a\x1b[2J.png", "y"}}, "control characters");
    refused({{"a/b.png", "-> /etc/passwd"}}, "holds a link or a device, a/b.png");
    refused({{"a.png", "x"}, {"./a.png", "y"}}, "holds a.png twice");
  }
  write_folder(folder.file("links"), {{"a/b.png", "-> /etc/passwd"}});
  CHECK(contains(refusal(folder.file("links")), "holds a link or a device, a/b.png"));
  CHECK(contains(refusal(folder.file("nothing")), "No such file or directory"));
  put_bytes(folder.file("text.zip"), "no archive at all, but a text of some length");
  CHECK(contains(refusal(folder.file("text.zip")), "is neither a folder nor a zip nor a tar"));
  put_bytes(folder.file("empty.zip"), "");
  CHECK(contains(refusal(folder.file("empty.zip")), "is neither a folder nor a zip nor a tar"));
}

TEST_CASE("source: what is too much is refused") {
  const ScratchFolder folder;
  const std::string bomb = folder.file("bomb.zip");
  write_archive(bomb, {{"a", std::string(70 << 20, '\0')}, {"b", std::string(20 << 20, '\0')}});
  CHECK(contains(refusal(bomb), "looks like a decompression bomb"));
  SourceLimits limits;
  limits.ratio = 100'000;
  CHECK(refusal(bomb, limits).empty());
  limits.total = 80 << 20;
  CHECK(contains(refusal(bomb, limits), "looks like a decompression bomb"));
  limits.file = 1 << 20;
  CHECK(contains(refusal(bomb, limits), "holds a of more than 1048576 bytes"));
  write_folder(folder.file("large"), {{"a", std::string(2 << 20, 'x')}, {"b", "small"}});
  const auto files = all_of(folder.file("large"), limits);
  CHECK(contains(files.at("a"), "FAULT has 2097152 bytes"));
  CHECK(files.at("b") == "small");
}

TEST_CASE("source: an archive that is cut short is named") {
  const ScratchFolder folder;
  std::string noise(100'000, ' ');
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(i * i * 2654435761u >> 13);
  for (const std::string ending : endings) {
    const std::string path = folder.file("whole" + ending), cut = folder.file("cut" + ending);
    write_archive(path, {{"a/1", noise}, {"a/2", noise + "x"}, {"a/3", noise + "y"}});
    const std::string bytes = bytes_of(path);
    for (const std::size_t part : {1, 30, 50, 70, 95}) {
      put_bytes(cut, bytes.substr(0, bytes.size() * part / 100));
      const std::string text = refusal(cut);
      CAPTURE(text);
      CHECK(contains(text, "[" + cut + "]"));
      if (ending == ".zip") CHECK(contains(text, "is a zip that is cut short"));
      if (ending != ".zip" && part >= 30) CHECK(contains(text, "is cut short or damaged at a/"));
    }
  }
}
