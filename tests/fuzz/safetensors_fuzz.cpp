#include "maml/base/error.h"
#include "maml/io/safetensors.h"

#include <cstdint>
#include <cstdlib>

/// Any bytes are read or refused with `Error`; what is read is written and read again as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    maml::parse_checked(bytes, "input");
  } catch (const maml::Error&) {
  }
  maml::TensorFile file;
  try {
    file = maml::parse_safetensors(bytes, "input");
  } catch (const maml::Error&) {
    return 0;
  }
  const auto again = maml::parse_checked(maml::format_checked(file, "again"), "again");
  file.metadata.erase("xxh3");
  if (again.metadata != file.metadata || again.tensors.size() != file.tensors.size()) std::abort();
  for (const auto& tensor : file.tensors)
    if (!(again.at(tensor.name) == tensor)) std::abort();
  return 0;
}
