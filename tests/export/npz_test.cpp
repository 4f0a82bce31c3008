#include "maml/export/npz.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/error_of.h"

#include <doctest/doctest.h>

using namespace maml;
using maml::test::error_of;
using maml_test::bytes_of;
using maml_test::ScratchFolder;

namespace {

std::string text_of(const TensorFile& file) {
  const auto bytes = format_npz(file, "f");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("an archive is a zip of .npy files, as NumPy writes them") {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const std::uint8_t byte = 7;
  TensorFile file;
  file.tensors = {Tensor::of("b", {2, 3}, values.data()), Tensor::of("a", {6}, values.data()),
                  Tensor::of("c", {}, &byte)};
  const std::string text = text_of(file);
  // numpy.save("a.npy", numpy.arange(1, 7, dtype="f4")) begins so, with spaces up to 128 bytes.
  const std::string start =
      std::string("\x93NUMPY\x01\x00v\x00", 10) + "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }";
  const auto at = text.find(start);
  REQUIRE(at != text.npos);
  CHECK(text[at + 127] == '\n');
  CHECK(text.substr(at + 128, 24) == std::string(reinterpret_cast<const char*>(values.data()), 24));
  CHECK(has(text, "'shape': (2, 3), }"));
  CHECK(has(text, "{'descr': '|u1', 'fortran_order': False, 'shape': (), }"));
  CHECK(text.substr(0, 4) == "PK\x03\x04");
  CHECK(text.find("a.npy") < text.find("b.npy"));
  CHECK_FALSE(has(text, "metadata.json"));
}

TEST_CASE("the same tensors in any order give the same archive") {
  const float value = 1;
  TensorFile file;
  file.tensors = {Tensor::of("b", {1}, &value), Tensor::of("a", {1}, &value)};
  file.metadata = {{"config", "x = \"1\"\n"}};
  const std::string text = text_of(file);
  CHECK(has(text, "\"config\": \"x = \\\"1\\\"\\n\""));
  std::swap(file.tensors[0], file.tensors[1]);
  CHECK(text_of(file) == text);
  const ScratchFolder folder;
  write_npz(folder.file("a.npz"), file);
  CHECK(bytes_of(folder.file("a.npz")) == text);
  CHECK(folder.files() == 1);
}

TEST_CASE("an entry's checksum is zip's") {
  TensorFile file;
  file.metadata = {{"k", "v"}};
  const std::string text = text_of(file);
  // zlib.crc32(b'{\n  "k": "v"\n}\n')
  const std::string crc = text.substr(14, 4);
  CHECK(crc == std::string{'\x2a', '\x9d', '\x5d', '\xb7'});
}

TEST_CASE("two tensors of one name are refused") {
  const float value = 1;
  TensorFile file;
  file.tensors = {Tensor::of("a", {1}, &value), Tensor::of("a", {}, &value)};
  CHECK(error_of([&] { format_npz(file, "f"); }) == "[f: a] two tensors have this name (rename one)");
}
