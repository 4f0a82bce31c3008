#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "maml/io/atomic_file.h"
#include "maml/io/image_pack_index.h"

namespace maml {

/// A packed set of images (maml/io/image_pack_index.h has the format), mapped into memory and read only. May be used by
/// many threads at once. The file must not be shortened meanwhile; replacing it is harmless.
class ImagePack {
public:
  /// Checks the header, the index and the size of the file.
  static std::shared_ptr<const ImagePack> open(const std::string& path);
  ~ImagePack();
  ImagePack(const ImagePack&) = delete;
  ImagePack& operator=(const ImagePack&) = delete;

  const std::string& path() const { return path_; }
  const PackIndex& index() const { return index_; }
  const std::vector<PackedClass>& classes() const { return index_.classes; }

  /// The first time, reads the pixels of that class and throws Error if they differ from their checksum.
  void check(std::size_t number_of_class) const;
  /// `check` on every class.
  void verify() const;

  /// The height x width x channels bytes of an image, row after row, for as long as the pack lives. What they held may
  /// be believed once their class was checked. Pages that were read go back to the system now and then, so that a
  /// process keeps about 32 MB of a pack of any size.
  const std::uint8_t* pixels(std::uint64_t image) const;
  /// Asks the system to have an image at hand soon. A pack small enough to stay in memory was asked for as a whole when
  /// it was opened.
  void prefetch(std::uint64_t image) const;

private:
  ImagePack(std::string path, std::span<const std::byte> file, PackIndex index);
  /// Whether pages are never given back.
  bool stays_resident() const;
  void release(std::size_t begin, std::size_t end) const;

  const std::string path_;
  const std::span<const std::byte> file_;
  const PackIndex index_;
  mutable std::mutex checking_;
  mutable std::vector<std::atomic<bool>> is_checked_;  // one a class
  mutable std::atomic<std::size_t> read_{0};           // bytes since pages were last given back
};

/// Writes a pack as an AtomicFile: it appears when it is finished, and a failure leaves nothing.
class ImagePackWriter {
public:
  /// plan: extents, about, and the classes, each with its most images (`count`; `first` and `xxh3` are filled in).
  ImagePackWriter(const std::string& path, PackIndex plan);

  /// Image `i` of a class, in any order, from any thread, no image twice.
  void put(std::size_t number_of_class, std::uint64_t i, std::span<const std::uint8_t> pixels);
  /// Closes up over images that never came, in the order of their numbers, and makes the file appear; a class without
  /// any is an Error. Once, in the end.
  PackIndex finish();

private:
  PackIndex plan_;
  AtomicFile file_;
  std::vector<std::uint8_t> is_there_;  // one an image
};

}  // namespace maml
