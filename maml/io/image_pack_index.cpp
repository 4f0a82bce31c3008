#include "maml/io/image_pack_index.h"

#include "maml/base/error.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace maml {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie in the file");

constexpr std::string_view magic = "MAMLPACK";
constexpr std::uint32_t version = 2;
constexpr std::size_t version_at = 8, extents_at = 16, classes_at = 28, images_at = 32, index_at = 40, size_at = 48,
                      checksum_at = 56;
constexpr std::size_t largest_extent = 16384, largest_channels = 64, largest_image = std::size_t{1} << 28;
constexpr std::size_t largest_name = 4096, largest_about = 65536, largest_preparation = 256;
const char* const remedy = " (import it again, or restore it from a copy)";

template <class T> T number_at(std::span<const std::byte> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <class T> void put_at(std::span<std::byte> bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

template <class T> void append(std::vector<std::byte>& bytes, T value) {
  bytes.resize(bytes.size() + sizeof value);
  put_at(std::span(bytes), bytes.size() - sizeof value, value);
}

void append_text(std::vector<std::byte>& bytes, const std::string& text) {
  append(bytes, static_cast<std::uint32_t>(text.size()));
  const auto raw = std::as_bytes(std::span(text.data(), text.size()));
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

std::uint64_t checksum(std::span<const std::byte> header, std::span<const std::byte> index) {
  const std::uint64_t none = 0;
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, header.data(), checksum_at);
  XXH3_64bits_update(&state, &none, sizeof none);
  XXH3_64bits_update(&state, header.data() + checksum_at + sizeof none, header.size() - checksum_at - sizeof none);
  XXH3_64bits_update(&state, index.data(), index.size());
  return XXH3_64bits_digest(&state);
}

/// Takes numbers and texts from the front of the index.
class Reader {
public:
  Reader(std::span<const std::byte> bytes, const std::string& name) : rest_(bytes), name_(name) {}

  template <class T> T number() {
    need(sizeof(T));
    const T value = number_at<T>(rest_, 0);
    rest_ = rest_.subspan(sizeof(T));
    return value;
  }
  std::string text() {
    const std::size_t size = number<std::uint32_t>();
    need(size);
    std::string result(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
    return result;
  }
  std::size_t left() const { return rest_.size(); }

private:
  void need(std::size_t size) const {
    require(size <= rest_.size(), name_, "is damaged: its index ends within an entry", remedy);
  }

  std::span<const std::byte> rest_;
  const std::string& name_;
};

bool is_printable(const std::string& text, bool with_lines) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    const auto code = static_cast<unsigned char>(c);
    return (code >= 0x20 && code != 0x7f) || (with_lines && (c == '\n' || c == '\t'));
  });
}

void require_extents(const PackIndex& index, const std::string& name) {
  const auto fits = [](std::size_t value, std::size_t most) { return value >= 1 && value <= most; };
  require(fits(index.height, largest_extent) && fits(index.width, largest_extent) &&
              fits(index.channels, largest_channels) && index.image_bytes() <= largest_image,
          name, "cannot hold images of ", index.height, " x ", index.width, " x ", index.channels, " (at most ",
          largest_extent, " x ", largest_extent, " x ", largest_channels, " and ", largest_image, " bytes each)");
}

}  // namespace

const char* to_string(Split split) {
  switch (split) {
  case Split::train:
    return "train";
  case Split::validation:
    return "validation";
  case Split::test:
    break;
  }
  return "test";
}

std::optional<Split> split_named(std::string_view name) {
  for (const Split split : all_splits)
    if (name == to_string(split)) return split;
  if (name == "val" || name == "valid") return Split::validation;
  return {};
}

void require_sound(const PackIndex& index, const std::string& name) {
  require_extents(index, name);
  require(index.about.size() <= largest_about && is_printable(index.about, true), name,
          "has a text about it that is too long or not plain text (at most ", largest_about, " bytes)");
  require(index.preparation.size() <= largest_preparation && is_printable(index.preparation, false), name,
          "says how its images were prepared in a text that is too long or not plain text (at most ",
          largest_preparation, " bytes on one line)");
  require(!index.classes.empty(), name, "has no classes");
  std::set<std::string_view> names;
  for (const auto& one : index.classes) {
    require(!one.name.empty() && one.name.size() <= largest_name && one.group.size() <= largest_name &&
                is_printable(one.name, false) && is_printable(one.group, false),
            name, "has a class or a group whose name is empty, too long or not plain text (rename it)");
    require(names.insert(one.name).second, name, "two classes have the name ", one.name, " (rename one)");
    require(one.count >= 1, name, "class ", one.name, " has no images (leave it out)");
  }
}

PackIndex parse_pack_index(std::span<const std::byte> file, const std::string& name) {
  const auto given = file.first(std::min(file.size(), magic.size()));
  require(std::string_view(reinterpret_cast<const char*>(given.data()), given.size()) == magic, name,
          "is not an image pack: it does not begin with ", magic, " (maml data import makes one)");
  require(file.size() >= pack_page, name, "is truncated: it has only ", file.size(), " bytes", remedy);
  const auto header = file.first(pack_page);
  const auto found = number_at<std::uint32_t>(header, version_at);
  require(found >= version, name, "is an image pack of version ", found, ", made by an earlier maml (import it again)");
  require(found == version, name, "is an image pack of version ", found, ", but this program reads version ", version,
          " (import it again)");

  PackIndex result;
  result.height = number_at<std::uint32_t>(header, extents_at);
  result.width = number_at<std::uint32_t>(header, extents_at + 4);
  result.channels = number_at<std::uint32_t>(header, extents_at + 8);
  require_extents(result, name);
  const auto classes = number_at<std::uint32_t>(header, classes_at);
  const auto images = number_at<std::uint64_t>(header, images_at);
  const auto begin = number_at<std::uint64_t>(header, index_at), size = number_at<std::uint64_t>(header, size_at);
  require(begin <= file.size() && size <= file.size() - begin, name, "is truncated: it has ", file.size(),
          " bytes, but its index lies at byte ", begin, " and takes ", size, remedy);
  require(size == file.size() - begin, name, "is damaged: ", file.size() - begin - size, " bytes follow its index",
          remedy);
  require(begin >= pack_page && images <= (begin - pack_page) / result.image_bytes() &&
              images * result.image_bytes() == begin - pack_page,
          name, "is damaged: ", images, " images do not fill the space before its index", remedy);
  const auto index = file.subspan(begin);
  require(number_at<std::uint64_t>(header, checksum_at) == checksum(header, index), name,
          "is damaged: the checksum of its index differs", remedy);

  Reader reader(index, name);
  result.about = reader.text();
  result.preparation = reader.text();
  std::uint64_t first = 0;
  for (std::uint32_t i = 0; i < classes; ++i) {
    PackedClass one;
    one.name = reader.text();
    one.group = reader.text();
    const auto split = reader.number<std::uint32_t>();
    require(split < all_splits.size(), name, "is damaged: class ", i, " is in split number ", split, remedy);
    one.split = static_cast<Split>(split);
    one.first = first;
    one.count = reader.number<std::uint64_t>();
    one.xxh3 = reader.number<std::uint64_t>();
    require(one.count <= images - first, name, "is damaged: its classes have more images than it holds", remedy);
    first += one.count;
    result.classes.push_back(std::move(one));
  }
  require(reader.left() == 0, name, "is damaged: ", reader.left(), " bytes follow the last class of its index", remedy);
  require(first == images, name, "is damaged: its classes have ", first, " images, but it holds ", images, remedy);
  require_sound(result, name);
  return result;
}

PackEnds format_pack_index(const PackIndex& index) {
  PackEnds ends;
  append_text(ends.index, index.about);
  append_text(ends.index, index.preparation);
  for (const auto& one : index.classes) {
    append_text(ends.index, one.name);
    append_text(ends.index, one.group);
    append(ends.index, static_cast<std::uint32_t>(one.split));
    append(ends.index, one.count);
    append(ends.index, one.xxh3);
  }
  ends.header.resize(pack_page);
  const std::span header(ends.header);
  std::memcpy(header.data(), magic.data(), magic.size());
  put_at(header, version_at, version);
  put_at(header, extents_at, static_cast<std::uint32_t>(index.height));
  put_at(header, extents_at + 4, static_cast<std::uint32_t>(index.width));
  put_at(header, extents_at + 8, static_cast<std::uint32_t>(index.channels));
  put_at(header, classes_at, static_cast<std::uint32_t>(index.classes.size()));
  put_at(header, images_at, index.images());
  put_at(header, index_at, pack_page + index.images() * index.image_bytes());
  put_at(header, size_at, static_cast<std::uint64_t>(ends.index.size()));
  seal_pack(header, ends.index);
  return ends;
}

void seal_pack(std::span<std::byte> header, std::span<const std::byte> index) {
  put_at(header, checksum_at, checksum(header, index));
}

}  // namespace maml
