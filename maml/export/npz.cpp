#include "maml/export/npz.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include <nlohmann/json.hpp>

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"

namespace maml {

namespace {

/// CRC-32 of zip (polynomial 0xedb88320, reflected).
std::uint32_t crc32(std::span<const std::byte> bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> result{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      result[i] = i;
      for (int bit = 0; bit < 8; ++bit) result[i] = (result[i] >> 1) ^ ((result[i] & 1) != 0 ? 0xedb88320U : 0U);
    }
    return result;
  }();
  std::uint32_t crc = 0xffffffffU;
  for (const auto byte : bytes) crc = table[(crc ^ static_cast<std::uint32_t>(byte)) & 0xffU] ^ (crc >> 8);
  return ~crc;
}

using Bytes = std::vector<std::byte>;

void append(Bytes& out, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// The low `size` bytes of a number, little endian.
void append(Bytes& out, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::byte>((value >> (8 * i)) & 0xffU));
}

/// NumPy's name of a type.
const char* descr(DType dtype) {
  switch (dtype) {
  case DType::f32:
    return "<f4";
  case DType::f64:
    return "<f8";
  case DType::i32:
    return "<i4";
  case DType::i64:
    return "<i8";
  case DType::u8:
    return "|u1";
  }
  fail("npz", "has no such element type");
}

/// A tensor as an .npy file.
Bytes npy(const Tensor& tensor) {
  std::string shape;
  for (const auto extent : tensor.shape) shape += std::to_string(extent) + ", ";
  // (3,) is a tuple of one; (2, 3) of two.
  if (tensor.shape.size() > 1) shape.resize(shape.size() - 2);
  if (tensor.shape.size() == 1) shape.resize(shape.size() - 1);
  std::string header =
      std::string("{'descr': '") + descr(tensor.dtype) + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  // Magic, version and length take 10 bytes; the data begin at a multiple of 64, after a line break.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  Bytes out;
  append(out, std::string_view("\x93NUMPY\x01\x00", 8));
  append(out, header.size(), 2);
  append(out, header);
  out.insert(out.end(), tensor.bytes.begin(), tensor.bytes.end());
  return out;
}

/// A zip of stored entries.
class Zip {
public:
  explicit Zip(std::string where) : where_(std::move(where)) {}

  void add(const std::string& name, const Bytes& content) {
    const std::uint64_t offset = out_.size();
    require(content.size() < limit && offset + content.size() < limit, where_,
            "would exceed the 4 GiB of a zip archive (write safetensors)");
    require(name.size() <= std::numeric_limits<std::uint16_t>::max() && entries_ < 0xffff, where_,
            "would have more entries, or longer names, than a zip archive can (write safetensors)");
    Bytes common;               // of the local header and of the directory
    append(common, 20, 2);      // version 2.0
    append(common, 0x0800, 2);  // names in UTF-8
    append(common, 0, 2);       // stored
    append(common, 0, 2);       // midnight
    append(common, 0x0021, 2);  // 1 January 1980, the first that there is
    append(common, crc32(content), 4);
    append(common, content.size(), 4);
    append(common, content.size(), 4);
    append(common, name.size(), 2);
    append(common, 0, 2);  // no extra field
    append(out_, 0x04034b50, 4);
    out_.insert(out_.end(), common.begin(), common.end());
    append(out_, name);
    out_.insert(out_.end(), content.begin(), content.end());

    append(directory_, 0x02014b50, 4);
    append(directory_, 20, 2);
    directory_.insert(directory_.end(), common.begin(), common.end());
    append(directory_, 0, 2);  // no comment
    append(directory_, 0, 2);  // first disk
    append(directory_, 0, 2);  // internal attributes
    append(directory_, 0, 4);  // external attributes
    append(directory_, offset, 4);
    append(directory_, name);
    ++entries_;
  }

  Bytes finish() && {
    const std::uint64_t begin = out_.size();
    require(begin + directory_.size() < limit, where_, "would exceed the 4 GiB of a zip archive (write safetensors)");
    out_.insert(out_.end(), directory_.begin(), directory_.end());
    append(out_, 0x06054b50, 4);
    append(out_, 0, 4);  // one disk
    append(out_, entries_, 2);
    append(out_, entries_, 2);
    append(out_, directory_.size(), 4);
    append(out_, begin, 4);
    append(out_, 0, 2);  // no comment
    return std::move(out_);
  }

private:
  static constexpr std::uint64_t limit = 0xffffff00U;
  std::string where_;
  Bytes out_, directory_;
  std::size_t entries_ = 0;
};

}  // namespace

std::vector<std::byte> format_npz(const TensorFile& file, const std::string& name) {
  std::vector<const Tensor*> sorted;
  sorted.reserve(file.tensors.size());
  for (const auto& tensor : file.tensors) sorted.push_back(&tensor);
  std::sort(sorted.begin(), sorted.end(), [](const Tensor* a, const Tensor* b) { return a->name < b->name; });
  Zip zip(name);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    require(i == 0 || sorted[i - 1]->name != sorted[i]->name, name + ": " + sorted[i]->name,
            "two tensors have this name (rename one)");
    zip.add(sorted[i]->name + ".npy", npy(*sorted[i]));
  }
  if (!file.metadata.empty()) {
    const std::string text =
        nlohmann::json(file.metadata).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    Bytes bytes;
    append(bytes, text);
    zip.add("metadata.json", bytes);
  }
  return std::move(zip).finish();
}

void write_npz(const std::string& path, const TensorFile& file) {
  write_atomically(path, format_npz(file, path));
}

}  // namespace maml
