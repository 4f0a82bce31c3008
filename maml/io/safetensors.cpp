#include "maml/io/safetensors.h"

#include "maml/io/atomic_file.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace maml {

namespace {

static_assert(std::endian::native == std::endian::little, "tensors are copied as they lie in the file");

using Json = nlohmann::ordered_json;

constexpr std::size_t prefix_size = 8;
constexpr std::size_t largest_header = 100'000'000;  // the limit that the format's own library sets
constexpr std::string_view checksum_key = "xxh3";
constexpr std::string_view no_checksum = "0000000000000000";
const char* const remedy = " (restore it from a copy, or use an earlier one)";

const char* file_dtype(DType dtype) {
  switch (dtype) {
  case DType::f32:
    return "F32";
  case DType::f64:
    return "F64";
  case DType::i32:
    return "I32";
  case DType::i64:
    return "I64";
  case DType::u8:
    break;
  }
  return "U8";
}

DType parse_dtype(const Json& value, const std::string& where) {
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  for (auto dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8})
    if (text == file_dtype(dtype)) return dtype;
  fail(where, "dtype ", text, " is not supported (convert to F32, F64, I32, I64 or U8)");
}

std::size_t parse_size(const Json& value, const std::string& where, const char* key) {
  require(value.is_number_unsigned(), where, key, " holds ", value.dump(), ", which is not a size", remedy);
  return value.get<std::size_t>();
}

const Json& member(const Json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  require(found != object.end(), where, "has no ", key, remedy);
  return *found;
}

/// Parses the header; refuses duplicate keys, which JSON readers otherwise resolve each in their own way, and depth.
Json parse_header(std::string_view text, const std::string& name) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, Json::parse_event_t event, Json& value) {
    require(depth <= 4, name, "is damaged: its header is nested too deeply", remedy);
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto key = value.get<std::string>();
      require(keys.back().insert(key).second, name, "is damaged: the name ", key, " appears twice in its header",
              remedy);
    }
    return true;
  };
  require(!text.empty() && text.front() == '{', name, "is not a safetensors file: its header does not start with {");
  try {
    return Json::parse(text, check);
  } catch (const Json::exception& error) {
    fail(name, "is damaged: its header is not JSON: ", error.what(), remedy);
  }
}

struct Entry {
  std::string name;
  DType dtype;
  std::vector<std::size_t> shape;
  std::size_t begin, end;
};

Entry parse_entry(const std::string& key, const Json& value, const std::string& file) {
  const std::string where = file + ": " + key;
  require(value.is_object() && value.size() == 3, where, "is not described by dtype, shape and data_offsets", remedy);
  const Json& shape = member(value, "shape", where);
  const Json& offsets = member(value, "data_offsets", where);
  require(shape.is_array(), where, "shape is not a list", remedy);
  require(offsets.is_array() && offsets.size() == 2, where, "data_offsets is not a pair", remedy);
  Entry entry{key, parse_dtype(member(value, "dtype", where), where), {}, 0, 0};
  for (const auto& extent : shape) entry.shape.push_back(parse_size(extent, where, "shape"));
  entry.begin = parse_size(offsets[0], where, "data_offsets");
  entry.end = parse_size(offsets[1], where, "data_offsets");
  const std::size_t needed = element_count(entry.shape, where) * size_of(entry.dtype);
  require(entry.begin <= entry.end && entry.end - entry.begin == needed, where, "shape ", shape_text(entry.shape),
          " of ", to_string(entry.dtype), " takes ", needed, " bytes, but data_offsets are ", entry.begin, " to ",
          entry.end, remedy);
  return entry;
}

/// The header, padded, with its length before it. With `checksum` it starts with that key.
std::string format_header(const std::vector<const Tensor*>& order, const TensorFile& file, const std::string& name,
                          bool checked) {
  Json header = Json::object();
  if (checked) header["__metadata__"][std::string(checksum_key)] = no_checksum;
  for (const auto& [key, value] : file.metadata)
    if (key != checksum_key) header["__metadata__"][key] = value;
  std::size_t offset = 0;
  for (const Tensor* tensor : order) {
    const std::string where = name + ": " + tensor->name;
    require(tensor->bytes.size() == element_count(tensor->shape, where) * size_of(tensor->dtype), where, "shape ",
            shape_text(tensor->shape), " of ", to_string(tensor->dtype), " does not fit its ", tensor->bytes.size(),
            " bytes (make it with Tensor::of)");
    require(tensor->name != "__metadata__", where, "is a name the format keeps for itself (rename the tensor)");
    require(!header.contains(tensor->name), where, "two tensors have this name (rename one)");
    header[tensor->name] = {{"dtype", file_dtype(tensor->dtype)},
                            {"shape", tensor->shape},
                            {"data_offsets", {offset, offset + tensor->bytes.size()}}};
    offset += tensor->bytes.size();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception& error) {
    fail(name, "a name or a metadata value is not UTF-8: ", error.what());
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  require(text.size() <= largest_header, name, "the header takes ", text.size(), " bytes, more than the format's ",
          largest_header, " (store less metadata)");
  const std::uint64_t length = text.size();
  std::string prefix(prefix_size, '\0');
  std::memcpy(prefix.data(), &length, prefix_size);
  return prefix + text;
}

std::vector<std::byte> format(const TensorFile& file, const std::string& name, bool checked) {
  std::vector<const Tensor*> order;
  for (const auto& tensor : file.tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const Tensor* a, const Tensor* b) {
    const std::size_t size_a = size_of(a->dtype), size_b = size_of(b->dtype);
    return size_a != size_b ? size_a > size_b : a->name < b->name;
  });
  const std::string header = format_header(order, file, name, checked);
  const auto head = std::as_bytes(std::span(header.data(), header.size()));
  std::vector<std::byte> bytes(head.begin(), head.end());
  for (const Tensor* tensor : order) bytes.insert(bytes.end(), tensor->bytes.begin(), tensor->bytes.end());
  return bytes;
}

/// Where the checksum's digits stand. The metadata come first in what we write, and JSON escapes quotes inside of
/// strings, so the first match is the key.
std::optional<std::size_t> find_checksum(std::string_view bytes) {
  const std::string key = '"' + std::string(checksum_key) + "\":\"";
  const auto at = bytes.find(key);
  if (at == bytes.npos || at + key.size() + no_checksum.size() > bytes.size()) return {};
  return at + key.size();
}

/// XXH3 of all bytes, with zeros in the place of the digits at `at`.
std::string checksum(std::string_view bytes, std::size_t at) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, bytes.data(), at);
  XXH3_64bits_update(&state, no_checksum.data(), no_checksum.size());
  const auto rest = bytes.substr(at + no_checksum.size());
  XXH3_64bits_update(&state, rest.data(), rest.size());
  char digits[no_checksum.size() + 1];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(XXH3_64bits_digest(&state)));
  return digits;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TensorFile parse_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  require(bytes.size() >= prefix_size, name, "is not a safetensors file: it has only ", bytes.size(), " bytes", remedy);
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), prefix_size);
  require(header_size <= largest_header, name, "is not a safetensors file: its header would take ", header_size,
          " bytes");
  require(header_size <= bytes.size() - prefix_size, name, "is truncated: its header takes ", header_size,
          " bytes, but only ", bytes.size() - prefix_size, " follow", remedy);
  const Json header = parse_header(as_text(bytes.subspan(prefix_size, header_size)), name);
  const auto data = bytes.subspan(prefix_size + header_size);

  TensorFile file;
  file.path = name;
  std::vector<Entry> entries;
  for (const auto& [key, value] : header.items()) {
    if (key != "__metadata__") {
      entries.push_back(parse_entry(key, value, name));
      continue;
    }
    require(value.is_object(), name, "__metadata__ is not an object", remedy);
    for (const auto& [meta_key, text] : value.items()) {
      require(text.is_string(), name, "metadata key ", meta_key, " does not hold a text", remedy);
      file.metadata[meta_key] = text.get<std::string>();
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end != b.end ? a.end < b.end : a.name < b.name;
  });
  std::size_t reached = 0;
  for (const auto& entry : entries) {
    require(entry.begin >= reached, name, "is damaged: tensor ", entry.name, " overlaps the one before it", remedy);
    require(entry.begin == reached, name, "is damaged: there is a gap before tensor ", entry.name, remedy);
    require(entry.end <= data.size(), name, "is truncated: tensor ", entry.name, " ends at byte ", entry.end, " of ",
            data.size(), remedy);
    reached = entry.end;
  }
  require(reached == data.size(), name, "is damaged: ", data.size() - reached, " bytes follow its last tensor", remedy);
  for (auto& entry : entries) {
    const auto part = data.subspan(entry.begin, entry.end - entry.begin);
    file.tensors.push_back({std::move(entry.name), entry.dtype, std::move(entry.shape), {part.begin(), part.end()}});
  }
  return file;
}

TensorFile read_safetensors(const std::string& path) {
  return parse_safetensors(read_file(path), path);
}

std::vector<std::byte> format_safetensors(const TensorFile& file, const std::string& name) {
  return format(file, name, false);
}

void write_safetensors(const std::string& path, const TensorFile& file, std::string_view label) {
  write_atomically(path, std::span<const std::byte>(format_safetensors(file, path)), label);
}

std::vector<std::byte> format_checked(const TensorFile& file, const std::string& name) {
  auto bytes = format(file, name, true);
  const auto at = find_checksum(as_text(bytes)).value();
  const std::string digits = checksum(as_text(bytes), at);
  std::memcpy(bytes.data() + at, digits.data(), digits.size());
  return bytes;
}

TensorFile parse_checked(std::span<const std::byte> bytes, const std::string& name) {
  const auto text = as_text(bytes);
  const auto at = find_checksum(text);
  require(at.has_value(), name, "has no checksum: maml did not write it, or it is damaged", remedy);
  require(text.substr(*at, no_checksum.size()) == checksum(text, *at), name, "is damaged: checksum differs", remedy);
  TensorFile file = parse_safetensors(bytes, name);
  file.metadata.erase(std::string(checksum_key));
  return file;
}

void write_checked(const std::string& path, const TensorFile& file, std::string_view label) {
  write_atomically(path, std::span<const std::byte>(format_checked(file, path)), label);
}

TensorFile read_checked(const std::string& path) {
  return parse_checked(read_file(path), path);
}

}  // namespace maml
