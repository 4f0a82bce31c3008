#include "maml/io/image_pack.h"

#include "maml/base/error.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace maml {

namespace {

constexpr std::size_t most_resident = std::size_t{32} << 20;
constexpr std::size_t slice = std::size_t{1} << 20;    // of a class that is checked
constexpr std::size_t around = std::size_t{64} << 10;  // what a fault may map beside what was asked for; whole pages

std::span<const std::byte> map_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(path, "cannot be read: ", errno_text(errno));
  struct stat status {};
  void* memory = MAP_FAILED;
  int error = ::fstat(descriptor, &status) == 0 ? 0 : errno;
  if (error == 0 && S_ISDIR(status.st_mode)) error = EISDIR;
  if (error == 0 && status.st_size > 0) {
    memory = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED) error = errno;
  }
  ::close(descriptor);
  if (error != 0) fail(path, "cannot be read: ", errno_text(error));
  if (memory == MAP_FAILED) return {};
  return {static_cast<const std::byte*>(memory), static_cast<std::size_t>(status.st_size)};
}

void unmap(std::span<const std::byte> file) {
  if (!file.empty()) ::munmap(const_cast<std::byte*>(file.data()), file.size());
}

}  // namespace

std::shared_ptr<const ImagePack> ImagePack::open(const std::string& path) {
  const auto file = map_file(path);
  try {
    PackIndex index = parse_pack_index(file, path);
    return std::shared_ptr<const ImagePack>(new ImagePack(path, file, std::move(index)));
  } catch (...) {
    unmap(file);
    throw;
  }
}

ImagePack::ImagePack(std::string path, std::span<const std::byte> file, PackIndex index)
    : path_(std::move(path)), file_(file), index_(std::move(index)), is_checked_(index_.classes.size()) {
  if (stays_resident()) ::madvise(const_cast<std::byte*>(file_.data()), file_.size(), MADV_WILLNEED);
}

bool ImagePack::stays_resident() const {
  return file_.size() <= most_resident;
}

ImagePack::~ImagePack() {
  unmap(file_);
}

void ImagePack::check(std::size_t number_of_class) const {
  if (is_checked_[number_of_class].load(std::memory_order_acquire)) return;
  const std::lock_guard lock(checking_);
  if (is_checked_[number_of_class].load(std::memory_order_relaxed)) return;
  const PackedClass& one = index_.classes[number_of_class];
  const std::size_t begin = pack_page + one.first * index_.image_bytes();
  const std::size_t end = begin + one.count * index_.image_bytes();
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (std::size_t at = begin; at < end; at += slice) {
    const std::size_t size = std::min(slice, end - at);
    XXH3_64bits_update(&state, file_.data() + at, size);
    release(at, at + size);
  }
  require(XXH3_64bits_digest(&state) == one.xxh3, path_, "is damaged: the images of class ", one.name,
          " differ from their checksum (import it again, or restore it from a copy)");
  is_checked_[number_of_class].store(true, std::memory_order_release);
}

void ImagePack::verify() const {
  for (std::size_t i = 0; i < index_.classes.size(); ++i) check(i);
}

const std::uint8_t* ImagePack::pixels(std::uint64_t image) const {
  const std::size_t size = index_.image_bytes();
  if (read_.fetch_add(size + around, std::memory_order_relaxed) > most_resident) {
    read_.store(0, std::memory_order_relaxed);
    release(0, file_.size());
  }
  return reinterpret_cast<const std::uint8_t*>(file_.data()) + pack_page + image * size;
}

void ImagePack::prefetch(std::uint64_t image) const {
  if (stays_resident()) return;
  const std::size_t begin = pack_page + image * index_.image_bytes(), page = begin / around * around;
  ::madvise(const_cast<std::byte*>(file_.data()) + page, begin + index_.image_bytes() - page, MADV_WILLNEED);
}

/// The mapping is of a file and read only, so a page that another thread is reading comes back as it was.
void ImagePack::release(std::size_t begin, std::size_t end) const {
  if (stays_resident()) return;
  begin = begin / around * around;
  ::madvise(const_cast<std::byte*>(file_.data()) + begin, end - begin, MADV_DONTNEED);
}

ImagePackWriter::ImagePackWriter(const std::string& path, PackIndex plan) : plan_(std::move(plan)), file_(path) {
  std::uint64_t images = 0;
  for (auto& one : plan_.classes) {
    one.first = images;
    images += one.count;
  }
  require_sound(plan_, path);
  is_there_.resize(images);
}

void ImagePackWriter::put(std::size_t number_of_class, std::uint64_t i, std::span<const std::uint8_t> pixels) {
  const PackedClass& one = plan_.classes.at(number_of_class);
  require(i < one.count && pixels.size() == plan_.image_bytes(), one.name, "image ", i, " of ", pixels.size(),
          " bytes does not fit the ", one.count, " images of ", plan_.image_bytes(), " bytes that were announced");
  const std::uint64_t image = one.first + i;
  file_.write_at(pack_page + image * plan_.image_bytes(), std::as_bytes(pixels));
  is_there_[image] = 1;
}

PackIndex ImagePackWriter::finish() {
  std::vector<std::byte> pixels(plan_.image_bytes());
  std::uint64_t next = 0;
  for (auto& one : plan_.classes) {
    const std::uint64_t first = next;
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    for (std::uint64_t image = one.first; image < one.first + one.count; ++image) {
      if (!is_there_[image]) continue;
      file_.read_at(pack_page + image * pixels.size(), pixels);
      XXH3_64bits_update(&state, pixels.data(), pixels.size());
      if (next != image) file_.write_at(pack_page + next * pixels.size(), pixels);
      ++next;
    }
    one.first = first;
    one.count = next - first;
    one.xxh3 = XXH3_64bits_digest(&state);
    require(one.count > 0, one.name, "has no image that can be read (leave the class out)");
  }
  const PackEnds ends = format_pack_index(plan_);
  const std::uint64_t index_at = pack_page + next * pixels.size();
  file_.resize(index_at);
  file_.write_at(0, ends.header);
  file_.write_at(index_at, ends.index);
  file_.commit();
  return plan_;
}

}  // namespace maml
