#pragma once

#include "maml/io/tensor.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace maml {

// The safetensors format: 8 bytes header length (little endian), a JSON header, the tensors' bytes without gaps.
// What is written here is read by every other safetensors library, and the reverse for the five DTypes.

/// Reads a file, or fails with what is wrong in it: nothing is read past its end, and sizes are checked before they are
/// trusted. The tensors come in the order of their bytes in the file.
TensorFile read_safetensors(const std::string& path);

/// The same from memory; `name` stands for the path in messages.
TensorFile parse_safetensors(std::span<const std::byte> bytes, const std::string& name);

/// The bytes of a file. The same tensors and metadata give the same bytes, whatever the order they are listed in:
/// tensors go by element size, largest first (so each is aligned), then by name; metadata by key. The header is padded
/// with spaces to a multiple of 8. A metadata key `xxh3` is left out: only `write_checked` may speak of checksums.
std::vector<std::byte> format_safetensors(const TensorFile& file, const std::string& name);

/// Writes a file atomically. `label` names its fault points (maml/io/fault.h); "" means none.
void write_safetensors(const std::string& path, const TensorFile& file, std::string_view label = "");

/// `write_safetensors` with a checksum: the metadata key `xxh3` holds XXH3 (64 bits, 16 hexadecimal digits) of the
/// whole file as it is while that value reads 0000000000000000.
void write_checked(const std::string& path, const TensorFile& file, std::string_view label = "");

/// Reads what `write_checked` wrote and refuses a file in which any bit differs, or which has no checksum. The key
/// `xxh3` does not appear in the result.
TensorFile read_checked(const std::string& path);

/// `format_safetensors` and `parse_safetensors` with the checksum.
std::vector<std::byte> format_checked(const TensorFile& file, const std::string& name);
TensorFile parse_checked(std::span<const std::byte> bytes, const std::string& name);

}  // namespace maml
