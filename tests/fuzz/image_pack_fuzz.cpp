#include "maml/base/error.h"
#include "maml/io/image_pack_index.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

/// Read or refused with `Error`; what is read stays inside the file and is written again as the same.
void read(std::span<const std::byte> file) {
  maml::PackIndex index;
  try {
    index = maml::parse_pack_index(file, "input");
  } catch (const maml::Error&) {
    return;
  }
  if (maml::pack_page + index.images() * index.image_bytes() > file.size()) std::abort();
  const maml::PackEnds ends = maml::format_pack_index(index);
  if (ends.index.size() > file.size()) std::abort();
  const auto tail = file.last(ends.index.size());
  if (!std::equal(tail.begin(), tail.end(), ends.index.begin())) std::abort();
}

}  // namespace

/// The input is a file; and, so that more than the checksum is met, the first 64 bytes of one whose checksum is right,
/// with what follows behind its header page.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  read(bytes);
  constexpr std::size_t used = 64, index_at = 40;
  if (size < used) return 0;
  std::vector<std::byte> file(maml::pack_page);
  std::copy_n(bytes.begin(), used, file.begin());
  file.insert(file.end(), bytes.begin() + used, bytes.end());
  std::uint64_t at = 0;
  std::memcpy(&at, file.data() + index_at, sizeof at);
  if (at > file.size()) return 0;
  const std::vector<std::byte> index(file.begin() + static_cast<std::ptrdiff_t>(at), file.end());
  maml::seal_pack(std::span(file).first(maml::pack_page), index);
  read(file);
  return 0;
}
