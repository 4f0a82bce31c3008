#include "maml/io/safetensors.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/error_of.h"

#include <cstring>
#include <doctest/doctest.h>
#include <limits>

using namespace maml;
using maml::test::error_of;
using maml_test::ScratchFolder;

namespace {

TensorFile sample() {
  const std::vector<float> weight = {1, -0.0f, 3, 4, std::numeric_limits<float>::quiet_NaN(), 6};
  const std::vector<double> loss = {0.25, 1e-300};
  const std::vector<std::int64_t> label = {1, -2, 3};
  const std::vector<std::int32_t> step = {7};
  const std::vector<std::uint8_t> pixel = {0, 128, 255};
  TensorFile file;
  file.tensors = {Tensor::of("pixel", {3}, pixel.data()), Tensor::of("linear1.weight", {2, 3}, weight.data()),
                  Tensor::of("loss", {2}, loss.data()),   Tensor::of("label", {3, 1}, label.data()),
                  Tensor::of("step", {}, step.data()),    Tensor::of("empty", {0, 4}, weight.data())};
  file.metadata = {{"isa", "AVX2"}, {"note", "\"xxh3\":\"0123456789abcdef\" and \xc3\xbc\n"}};
  return file;
}

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string as_text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A file of that header (its length put before it) and `data` zero bytes.
std::string file_of(const std::string& header, std::size_t data) {
  const std::uint64_t length = header.size();
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  return text + header + std::string(data, '\0');
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& span) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + span + "}";
}

/// The message with which the reader refuses a file, "" if it does not.
std::string refusal(const std::string& file) {
  return error_of([&] { parse_safetensors(as_bytes(file), "f"); });
}

bool refuses(const std::string& file, const std::string& part) {
  const std::string message = refusal(file);
  INFO(message);
  return message.starts_with("[f") && message.find(part) != message.npos;
}

bool same(const TensorFile& a, const TensorFile& b) {
  if (a.tensors.size() != b.tensors.size() || a.metadata != b.metadata) return false;
  for (const auto& tensor : a.tensors)
    if (b.find(tensor.name) == nullptr || !(*b.find(tensor.name) == tensor)) return false;
  return true;
}

}  // namespace

TEST_CASE("a tensor file reads back as it was written") {
  const ScratchFolder folder;
  const std::string path = folder.file("a.safetensors");
  write_safetensors(path, sample());
  CHECK(same(read_safetensors(path), sample()));
  write_checked(path, sample());
  CHECK(same(read_checked(path), sample()));
  CHECK(read_safetensors(path).metadata.count("xxh3") == 1);
  CHECK(folder.files() == 1);
  write_safetensors(path, {});
  CHECK(same(read_safetensors(path), {}));
  write_checked(path, {});
  CHECK(same(read_checked(path), {}));
}

TEST_CASE("the same tensors give the same bytes in any order, aligned") {
  TensorFile turned = sample();
  std::swap(turned.tensors[0], turned.tensors[4]);
  std::swap(turned.tensors[1], turned.tensors[2]);
  CHECK(format_safetensors(sample(), "a") == format_safetensors(turned, "b"));
  CHECK(format_checked(sample(), "a") == format_checked(turned, "b"));
  const auto bytes = format_safetensors(sample(), "a");
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  CHECK(header % 8 == 0);
  const auto read = parse_safetensors(bytes, "a");
  CHECK(read.tensors.front().name == "label");
  CHECK(read.tensors.back().name == "pixel");
  turned.metadata["xxh3"] = "stale";
  CHECK(format_safetensors(turned, "a") == bytes);
}

TEST_CASE("what cannot be written is refused") {
  TensorFile file = sample();
  file.tensors.push_back(file.tensors[0]);
  CHECK_THROWS_WITH_AS(format_safetensors(file, "f"), "[f: pixel] two tensors have this name (rename one)", Error);
  file = sample();
  file.tensors[0].name = "__metadata__";
  CHECK_THROWS_AS(format_safetensors(file, "f"), Error);
  file.tensors[0].name = "\xff";
  CHECK_THROWS_AS(format_safetensors(file, "f"), Error);
  file = sample();
  file.tensors[0].bytes.pop_back();
  CHECK_THROWS_AS(format_safetensors(file, "f"), Error);
}

TEST_CASE("a checked file is refused when any bit of it differs") {
  const auto bytes = format_checked(sample(), "f");
  REQUIRE_NOTHROW(parse_checked(bytes, "f"));
  std::size_t accepted = 0, unclear = 0;
  const auto refused = [&](const std::vector<std::byte>& damaged) {
    try {
      parse_checked(damaged, "f");
      ++accepted;
    } catch (const Error& error) {
      const std::string message = error.what();
      if (message.find("checksum") == message.npos || message.find("restore") == message.npos) ++unclear;
    }
  };
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto damaged = bytes;
      damaged[i] ^= static_cast<std::byte>(1u << bit);
      refused(damaged);
    }
    auto damaged = bytes;
    damaged[i] = damaged[i] == std::byte{0} ? std::byte{0xff} : std::byte{0};
    refused(damaged);
    refused({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(i)});
  }
  auto longer = bytes;
  longer.push_back(std::byte{0});
  refused(longer);
  CHECK(accepted == 0);
  CHECK(unclear == 0);
  CHECK_THROWS_WITH_AS(parse_checked(longer, "f"),
                       "[f] is damaged: checksum differs (restore it from a copy, or use an earlier one)", Error);
  CHECK_THROWS_AS(parse_checked(format_safetensors(sample(), "f"), "f"), Error);
}

TEST_CASE("a plain file is refused when it is cut at any length") {
  const std::string whole = as_text(format_safetensors(sample(), "f"));
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) accepted += refusal(whole.substr(0, size)).empty() ? 1 : 0;
  CHECK(accepted == 0);
  CHECK(refuses(whole + "x", "1 bytes follow its last tensor"));
}

TEST_CASE("hostile headers are refused with their reason") {
  const std::string a = entry("a", "F32", "[2]", "[0,8]");
  REQUIRE(refusal(file_of("{" + a + "}", 8)).empty());
  REQUIRE(refusal(file_of("{" + a + "}   ", 8)).empty());
  CHECK(refuses("", "it has only 0 bytes"));
  CHECK(refuses(std::string(7, 'x'), "it has only 7 bytes"));
  CHECK(refuses(std::string(8, '\xff'), "its header would take 18446744073709551615 bytes"));
  CHECK(refuses(file_of(std::string(9, '{'), 0), "not JSON"));
  CHECK(refuses(std::string("\x20\0\0\0\0\0\0\0{}", 10), "is truncated: its header takes 32 bytes, but only 2"));
  CHECK(refuses(file_of("", 0), "does not start with {"));
  CHECK(refuses(file_of(" {}", 0), "does not start with {"));
  CHECK(refuses(file_of("{} x", 0), "not JSON"));
  CHECK(refuses(file_of("{\"\xff\":1}", 0), "not JSON"));
  CHECK(refuses(file_of("{" + a + "," + a + "}", 8), "the name a appears twice"));
  CHECK(refuses(file_of("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0), "the name k appears twice"));
  CHECK(refuses(file_of("{\"__metadata__\":{\"k\":1}}", 0), "metadata key k does not hold a text"));
  CHECK(refuses(file_of("{\"__metadata__\":[]}", 0), "__metadata__ is not an object"));
  CHECK(refuses(file_of("{\"a\":" + std::string(100000, '['), 0), "nested too deeply"));
  CHECK(refuses(file_of("{\"a\":7}", 0), "is not described by"));
  CHECK(refuses(file_of("{" + entry("a", "F32", "[2]", "[0,8],\"x\":1") + "}", 8), "is not described by"));
  CHECK(refuses(file_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"offsets\":[0,8]}}", 8), "has no data_offsets"));
  CHECK(refuses(file_of("{" + entry("a", "BF16", "[4]", "[0,8]") + "}", 8), "dtype BF16 is not supported"));
  CHECK(refuses(file_of("{" + entry("a", "F32", "2", "[0,8]") + "}", 8), "shape is not a list"));
  CHECK(refuses(file_of("{" + entry("a", "F32", "[-2]", "[0,8]") + "}", 8), "shape holds -2"));
  CHECK(refuses(file_of("{" + entry("a", "F32", "[2.0]", "[0,8]") + "}", 8), "shape holds 2.0"));
  CHECK(refuses(file_of("{" + entry("a", "F32", "[99999999999999999999]", "[0,8]") + "}", 8), "not a size"));
  CHECK(refuses(file_of("{" + entry("a", "F32", "[4294967296,4294967296]", "[0,0]") + "}", 0), "too large to address"));
  CHECK(refuses(file_of("{" + entry("a", "F64", "[2305843009213693952]", "[0,0]") + "}", 0), "too large to address"));
  CHECK(refuses(file_of("{" + entry("a", "F32", "[2]", "[8,0]") + "}", 8), "data_offsets are 8 to 0"));
  CHECK(refuses(file_of("{" + entry("a", "F32", "[2]", "[0,7]") + "}", 7), "takes 8 bytes"));
  CHECK(refuses(file_of("{" + entry("a", "F32", "[2]", "[0]") + "}", 8), "not a pair"));
  CHECK(refuses(file_of("{" + a + "}", 7), "is truncated: tensor a ends at byte 8 of 7"));
  CHECK(refuses(file_of("{" + a + "}", 9), "1 bytes follow its last tensor"));
  CHECK(refuses(file_of("{" + entry("a", "F32", "[2]", "[4,12]") + "}", 12), "there is a gap before tensor a"));
  CHECK(refuses(file_of("{" + a + "," + entry("b", "F32", "[2]", "[4,12]") + "}", 12), "tensor b overlaps"));
  CHECK(refuses(file_of("{" + a + "," + entry("b", "F32", "[2]", "[0,8]") + "}", 8), "tensor b overlaps"));
}

TEST_CASE("a missing file or a folder is named with its mend") {
  const ScratchFolder folder;
  CHECK_THROWS_WITH_AS(
      read_safetensors(folder.file("no")),
      ("[" + folder.file("no") + "] cannot be read: No such file or directory (check the path; its folder must exist)")
          .c_str(),
      Error);
  CHECK_THROWS_AS(read_checked(folder.path()), Error);
}
