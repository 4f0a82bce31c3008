#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace maml {

/// What a source may hold; beyond it, it is refused as an attack or a mistake.
struct SourceLimits {
  std::uint64_t file = std::uint64_t{256} << 20;  ///< bytes of a file
  std::uint64_t total = std::uint64_t{64} << 30;  ///< bytes unpacked of all files
  std::uint64_t ratio = 200;                      ///< bytes unpacked for each of an archive, beyond the first 64 MiB
};

/// A file of a source. Where it cannot be read, but others can, `fault` says why, else it is empty.
struct SourceFile {
  std::string path;
  std::span<const std::byte> bytes;
  std::string fault;
};

/// A folder, a zip, or a tar (plain or through gzip, bzip2, xz, zstd) as a number of files. Nothing is unpacked to
/// disk. Paths are relative and have / between their parts. Hidden files (a part begins with a dot, or is __MACOSX) are
/// passed over; paths that lead outside, links and devices are an Error, and so is an archive that is cut short.
class Source {
public:
  static std::unique_ptr<Source> open(const std::string& path, const SourceLimits& = {});
  virtual ~Source() = default;

  /// The paths of all files, sorted, none twice.
  virtual std::vector<std::string> list() = 0;
  /// Reads the wanted files, each once: a folder's in the order of their paths, an archive's as they lie in it. The
  /// bytes are valid during the visit.
  virtual void read(const std::function<bool(const std::string&)>& wanted,
                    const std::function<void(const SourceFile&)>& visit) = 0;

  const std::string& path() const { return path_; }

protected:
  Source(std::string path, const SourceLimits& limits) : path_(std::move(path)), limits_(limits) {}

  const std::string path_;
  const SourceLimits limits_;
};

/// Whether a file begins as a zip does; false where it cannot be read.
bool begins_as_zip(const std::string& path);

/// A path of a source without its parts `.`, "" where a part is hidden. Throws Error at `source` if it leads outside or
/// has characters that are not to be printed.
std::string plain_path(const std::string& path, const std::string& source);

}  // namespace maml
