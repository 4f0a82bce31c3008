#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace maml {

// An image pack is one file: a page (4096 bytes) of header, the pixels, the index. Numbers are little endian.
//   header: "MAMLPACK", u32 version (2), u32 0, u32 height, u32 width, u32 channels, u32 classes, u64 images,
//           u64 offset of the index, u64 its size, u64 XXH3 of this page (this number read as 0) and the index; zeros
//   pixels: images of height * width * channels bytes one after the other, those of a class together
//   index:  text about, text preparation; for each class: text name, text group, u32 split, u64 images, u64 XXH3 of its
//   pixels
//           (a text is a u32 length and so many bytes)

/// What a class is for; classes of different splits never meet in a task.
enum class Split : std::uint32_t { train, validation, test };
inline constexpr std::array all_splits = {Split::train, Split::validation, Split::test};
/// `train`, `validation`, `test`.
const char* to_string(Split split);
/// The reverse; `val` and `valid` are understood too.
std::optional<Split> split_named(std::string_view name);

struct PackedClass {
  std::string name;   ///< no other class of the pack has it
  std::string group;  ///< the alphabet of a character, say; may be empty
  Split split = Split::train;
  std::uint64_t first = 0, count = 0;  ///< its images
  std::uint64_t xxh3 = 0;              ///< of its pixels
};

/// What a pack says of its pixels.
struct PackIndex {
  std::size_t height = 0, width = 0, channels = 0;
  /// Source, licence, how it was made.
  std::string about;
  /// How pictures became these pixels, so that others can too, on one line (maml/images/preparation.h has the words);
  /// empty: not known.
  std::string preparation;
  std::vector<PackedClass> classes;

  std::size_t image_bytes() const { return height * width * channels; }
  std::uint64_t images() const { return classes.empty() ? 0 : classes.back().first + classes.back().count; }
};

inline constexpr std::size_t pack_page = 4096;

/// What `about` says where pictures are ImageNet's, whose terms bind what is learned from them too.
inline constexpr const char* imagenet_terms = "Pictures from ImageNet: for non-commercial research and education only";

/// Extents in range, names of printable text and without repetition, no class without images; else an Error at `name`.
void require_sound(const PackIndex& index, const std::string& name);

/// The index of a pack that is `file`, or an Error at `name` that says what is wrong: nothing is believed before it was
/// compared with the size of the file. Does not look at the pixels.
PackIndex parse_pack_index(std::span<const std::byte> file, const std::string& name);

/// The header page and the index of a pack.
struct PackEnds {
  std::vector<std::byte> header, index;
};
PackEnds format_pack_index(const PackIndex& index);

/// Sets the checksum of a header page over itself and the index.
void seal_pack(std::span<std::byte> header, std::span<const std::byte> index);

}  // namespace maml
