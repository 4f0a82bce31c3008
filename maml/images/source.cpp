#include "maml/images/source.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include <archive.h>
#include <archive_entry.h>

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"

namespace maml {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t free_of_ratio = std::uint64_t{64} << 20;
constexpr std::size_t block_size = std::size_t{1} << 16;

void sort_paths(std::vector<std::string>& paths, const std::string& source) {
  std::sort(paths.begin(), paths.end());
  const auto twice = std::adjacent_find(paths.begin(), paths.end());
  if (twice != paths.end()) fail(source, "holds ", *twice, " twice (remove one)");
}

class FolderSource final : public Source {
public:
  FolderSource(const std::string& path, const SourceLimits& limits) : Source(path, limits) {}

  std::vector<std::string> list() override {
    std::vector<std::string> paths;
    std::error_code error;
    fs::recursive_directory_iterator entry(path_, error);
    for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
      const std::string path = plain_path(entry->path().lexically_relative(path_).generic_string(), path_);
      const auto status = entry->symlink_status(error);
      if (error) break;
      if (path.empty()) {
        if (fs::is_directory(status)) entry.disable_recursion_pending();
        continue;
      }
      require(fs::is_directory(status) || fs::is_regular_file(status), path_, "holds a link or a device, ", path,
              " (copy what it points to, or leave it out)");
      if (!fs::is_directory(status)) paths.push_back(path);
    }
    if (error) fail(path_, "cannot be read: ", errno_text(error.value()));
    sort_paths(paths, path_);
    return paths;
  }

  void read(const std::function<bool(const std::string&)>& wanted,
            const std::function<void(const SourceFile&)>& visit) override {
    for (const auto& path : list()) {
      if (!wanted(path)) continue;
      const std::string name = path_ + "/" + path;
      std::error_code unreadable;
      const auto size = fs::file_size(name, unreadable);
      if (!unreadable && size > limits_.file) {
        visit({path, {}, "has " + std::to_string(size) + " bytes (at most " + std::to_string(limits_.file) + ")"});
        continue;
      }
      std::vector<std::byte> bytes;
      std::string fault;
      try {
        bytes = read_file(name);
      } catch (const Error& error) {
        fault = error.what();
      }
      visit({path, bytes, fault});
    }
  }
};

class ArchiveSource final : public Source {
public:
  ArchiveSource(const std::string& path, const SourceLimits& limits)
      : Source(path, limits), packed_(fs::file_size(path)) {}

  std::vector<std::string> list() override {
    std::vector<std::string> paths;
    walk([&](archive*, archive_entry*, const std::string& path) { paths.push_back(path); });
    sort_paths(paths, path_);
    return paths;
  }

  void read(const std::function<bool(const std::string&)>& wanted,
            const std::function<void(const SourceFile&)>& visit) override {
    std::uint64_t total = 0;
    std::vector<std::byte> bytes;
    walk([&](archive* reader, archive_entry* entry, const std::string& path) {
      if (!wanted(path)) return;
      bytes.clear();
      std::string fault;
      const bool has_size = archive_entry_size_is_set(entry) != 0;
      if (has_size && static_cast<std::uint64_t>(archive_entry_size(entry)) > limits_.file) too_large(path);
      while (fault.empty()) {
        const std::size_t filled = bytes.size();
        bytes.resize(filled + block_size);
        const la_ssize_t count = archive_read_data(reader, bytes.data() + filled, block_size);
        bytes.resize(filled + static_cast<std::size_t>(std::max<la_ssize_t>(count, 0)));
        if (count == ARCHIVE_FATAL) stop(reader, path);
        if (count < 0) fault = text_of(reader);
        if (count <= 0) break;
        total += static_cast<std::uint64_t>(count);
        if (bytes.size() > limits_.file) too_large(path);
        require(total <= limits_.total && (total <= free_of_ratio || total / limits_.ratio <= packed_), path_,
                "unpacks to more than ", total, " bytes from ", packed_,
                ", which looks like a decompression bomb (unpack it yourself if you trust it)");
      }
      visit({path, bytes, fault});
    });
  }

private:
  /// Calls `visit` at each regular file.
  template <class Visit> void walk(const Visit& visit) {
    const std::unique_ptr<archive, int (*)(archive*)> owner(archive_read_new(), archive_read_free);
    archive* reader = owner.get();
    require(reader != nullptr, path_, "cannot be read: out of memory");
    // A zip is read by its directory, which lies at its end: one that is cut short is then known from the start.
    archive_read_support_format_zip_seekable(reader);
    archive_read_support_format_tar(reader);
    archive_read_support_filter_gzip(reader);
    archive_read_support_filter_bzip2(reader);
    archive_read_support_filter_xz(reader);
    archive_read_support_filter_zstd(reader);
    if (archive_read_open_filename(reader, path_.c_str(), block_size) != ARCHIVE_OK) refuse_format(reader);
    std::string path;
    while (true) {
      archive_entry* entry = nullptr;
      const int status = archive_read_next_header(reader, &entry);
      if (status == ARCHIVE_EOF) break;
      if (status < ARCHIVE_WARN) {
        if (path.empty()) refuse_format(reader);
        stop(reader, path);
      }
      const char* name = archive_entry_pathname_utf8(entry);
      if (name == nullptr) name = archive_entry_pathname(entry);
      require(name != nullptr, path_, "holds a file without a name (pack it again)");
      path = name;
      const std::string plain = plain_path(path, path_);
      const auto type = archive_entry_filetype(entry);
      if (type == AE_IFDIR || (plain.empty() && type == AE_IFREG)) continue;
      require(type == AE_IFREG && archive_entry_hardlink(entry) == nullptr, path_, "holds a link or a device, ", path,
              " (pack what it points to)");
      visit(reader, entry, plain);
    }
  }

  static std::string text_of(archive* reader) {
    const char* text = archive_error_string(reader);
    return text != nullptr ? text : "unknown reason";
  }
  [[noreturn]] void stop(archive* reader, const std::string& path) const {
    fail(path_, "is cut short or damaged at ", path, ": ", text_of(reader), " (fetch or pack it again)");
  }
  [[noreturn]] void too_large(const std::string& path) const {
    fail(path_, "holds ", path, " of more than ", limits_.file, " bytes (leave it out)");
  }
  [[noreturn]] void refuse_format(archive* reader) const {
    const int error = archive_errno(reader);
    if (error == ENOENT || error == EACCES) fail(path_, "cannot be read: ", errno_text(error));
    if (begins_as_zip(path_))
      fail(path_, "is a zip that is cut short: its directory, which ends it, is missing (fetch or pack it again)");
    fail(path_, "is neither a folder nor a zip nor a tar: ", text_of(reader),
         " (name one of these; if it is one, it is damaged)");
  }

  const std::uint64_t packed_;
};

}  // namespace

std::unique_ptr<Source> Source::open(const std::string& path, const SourceLimits& limits) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) fail(path, "cannot be read: ", errno_text(error ? error.value() : ENOENT));
  if (fs::is_directory(status)) return std::make_unique<FolderSource>(path, limits);
  require(fs::is_regular_file(status), path, "is neither a folder nor a file (name a folder, a zip or a tar)");
  return std::make_unique<ArchiveSource>(path, limits);
}

bool begins_as_zip(const std::string& path) {
  char start[2] = {};
  std::ifstream(path, std::ios::binary).read(start, sizeof start);
  return start[0] == 'P' && start[1] == 'K';
}

std::string plain_path(const std::string& path, const std::string& source) {
  const char* const remedy = " (pack it again with plain names)";
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  const bool is_printable = std::none_of(path.begin(), path.end(), is_control);
  require(is_printable, source, "holds a file with control characters in its name (rename it)");
  require(path.empty() || (path[0] != '/' && path.find('\\') == path.npos), source,
          "holds a path that leads out of it: ", path, remedy);
  std::string result;
  bool is_hidden = false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    begin = end + 1;
    require(part != "..", source, "holds a path that leads out of it: ", path, remedy);
    if (part.empty() || part == ".") continue;
    is_hidden = is_hidden || part[0] == '.' || part == "__MACOSX";
    result += (result.empty() ? "" : "/") + part;
  }
  return is_hidden ? "" : result;
}

}  // namespace maml
