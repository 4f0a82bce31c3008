#include "maml/images/read_npz.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/images/source.h"
#include "maml/io/tensor.h"

namespace maml {

namespace {

constexpr std::size_t largest_header = std::size_t{1} << 16;
const char* const remedy = " (save it with numpy.savez)";

template <class T> T read_at(const std::vector<std::byte>& bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
  return value;
}

/// What follows `'key':` in the header, without the spaces before it.
std::string_view value_of(std::string_view header, std::string_view key, const std::string& name) {
  const std::string quoted = "'" + std::string(key) + "':";
  const auto at = header.find(quoted);
  require(at != header.npos, name, "is damaged: its header says no ", key, remedy);
  header.remove_prefix(at + quoted.size());
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  return header;
}

std::vector<std::size_t> parse_shape(std::string_view text, const std::string& name) {
  std::vector<std::size_t> shape;
  const auto end = text.find(')');
  bool is_sound = text.starts_with('(') && end != text.npos;
  for (std::size_t at = 1; is_sound && at < end;) {
    std::size_t extent = 0;
    const auto [rest, error] = std::from_chars(text.data() + at, text.data() + end, extent);
    is_sound = error == std::errc();
    shape.push_back(extent);
    at = static_cast<std::size_t>(rest - text.data());
    at = std::min(text.find_first_not_of(", ", at), end);
  }
  require(is_sound, name, "is damaged: its header has no shape", remedy);
  return shape;
}

void append_utf8(std::string& text, std::uint32_t code) {
  const auto tail = [&](unsigned shift) { text += static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xc0 | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    text += static_cast<char>(0xe0 | (code >> 12));
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xf0 | ((code >> 18) & 7));
    tail(12);
    tail(6);
    tail(0);
  }
}

/// Calls `use(T())` with the C++ type of a kind and size of numbers; false where there is none.
template <class Use> bool with_type(char kind, std::size_t size, const Use& use) {
  if (kind == 'f' && size == 4) return use(float()), true;
  if (kind == 'f' && size == 8) return use(double()), true;
  if (kind == 'i' && size == 1) return use(std::int8_t()), true;
  if (kind == 'i' && size == 2) return use(std::int16_t()), true;
  if (kind == 'i' && size == 4) return use(std::int32_t()), true;
  if (kind == 'i' && size == 8) return use(std::int64_t()), true;
  if ((kind == 'u' || kind == 'b') && size == 1) return use(std::uint8_t()), true;
  if (kind == 'u' && size == 2) return use(std::uint16_t()), true;
  if (kind == 'u' && size == 4) return use(std::uint32_t()), true;
  if (kind == 'u' && size == 8) return use(std::uint64_t()), true;
  return false;
}

}  // namespace

NumpyArray NumpyArray::parse(std::span<const std::byte> bytes, const std::string& name) {
  constexpr std::string_view magic("\x93NUMPY", 6);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  require(text.size() >= 12 && text.starts_with(magic), name, "is no array of NumPy's", remedy);
  const bool is_first = text[6] == 1;
  require(text[6] >= 1 && text[6] <= 3, name, "is of a version of NumPy's format that is not known: ", int{text[6]});
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 8, is_first ? 2 : 4);
  const std::size_t begin = is_first ? 10 : 12;
  require(length <= largest_header && length <= text.size() - begin, name, "is cut short or damaged: its header takes ",
          length, " bytes", remedy);
  const std::string_view header = text.substr(begin, length);

  NumpyArray array;
  array.name_ = name;
  std::string_view type = value_of(header, "descr", name);
  const auto end = type.starts_with('\'') ? type.find('\'', 1) : type.npos;
  require(end != type.npos, name, "has elements of several parts (save each column as an array)");
  type = type.substr(1, end - 1);
  require(type != "|O", name, "holds Python objects (convert it: array.astype(float), or astype(str))");
  require(type.size() >= 3, name, "has elements of the type '", type, "', which cannot be read");
  const auto [rest, error] = std::from_chars(type.data() + 2, type.data() + type.size(), array.element_);
  array.kind_ = type[1];
  require(type[0] != '>', name, "is big endian (convert it: array.astype('<", type.substr(1), "'))");
  const bool is_text =
      (array.kind_ == 'U' || array.kind_ == 'S') && array.element_ >= 1 && array.element_ <= largest_header;
  require(error == std::errc() && rest == type.data() + type.size() && (type[0] == '<' || type[0] == '|') &&
              (is_text || with_type(array.kind_, array.element_, [](auto) {})),
          name, "has elements of the type '", type, "', which cannot be read (convert it: array.astype(float))");
  if (array.kind_ == 'U') array.element_ *= 4;
  require(value_of(header, "fortran_order", name).starts_with("False"), name,
          "lies column by column (convert it: numpy.ascontiguousarray(array))");
  array.shape_ = parse_shape(value_of(header, "shape", name), name);
  const std::size_t count = element_count(array.shape_, name), given = text.size() - begin - length;
  require(given % array.element_ == 0 && given / array.element_ == count, name, "is cut short or damaged: ", given,
          " bytes are not ", shape_text(array.shape_), " of '", type, "'", remedy);
  const auto data = bytes.subspan(begin + length);
  array.bytes_.assign(data.begin(), data.end());
  return array;
}

std::size_t NumpyArray::size() const {
  return element_count(shape_, name_);
}

std::vector<double> NumpyArray::numbers() const {
  std::vector<double> values;
  values.reserve(size());
  const bool are_numbers = with_type(kind_, element_, [&](auto type) {
    for (std::size_t i = 0; i < size(); ++i) values.push_back(static_cast<double>(read_at<decltype(type)>(bytes_, i)));
  });
  require(are_numbers, name_, "holds texts where numbers belong");
  return values;
}

std::vector<std::string> NumpyArray::texts() const {
  std::vector<std::string> result;
  result.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    std::string& text = result.emplace_back();
    if (kind_ == 'U') {
      const std::size_t codes = element_ / 4;
      for (std::size_t k = 0; k < codes; ++k)
        if (const auto code = read_at<std::uint32_t>(bytes_, i * codes + k); code != 0) append_utf8(text, code);
    } else if (kind_ == 'S') {
      text.assign(reinterpret_cast<const char*>(bytes_.data()) + i * element_, element_);
      text.resize(std::min(text.find('\0'), text.size()));
    } else {
      require(kind_ != 'f', name_, "holds numbers with a fraction where names belong (convert it: array.astype(int))");
      with_type(kind_, element_, [&](auto type) { text = std::to_string(read_at<decltype(type)>(bytes_, i)); });
    }
  }
  return result;
}

std::map<std::string, NumpyArray> read_npz(const std::string& path, const std::vector<std::string>& names) {
  const auto source = Source::open(path, {.file = std::uint64_t{16} << 30});
  require(begins_as_zip(path), path, "is no .npz file", remedy);
  std::vector<std::string> there;
  for (const auto& file : source->list())
    if (file.ends_with(".npy")) there.push_back(file.substr(0, file.size() - 4));
  for (const auto& name : names)
    if (std::find(there.begin(), there.end(), name) == there.end())
      fail(path, "has no array ", name, did_you_mean(name, there), " (its arrays: ", join(there), ")");
  std::map<std::string, NumpyArray> arrays;
  const auto is_wanted = [&](const std::string& file) {
    return std::any_of(names.begin(), names.end(), [&](const auto& name) { return file == name + ".npy"; });
  };
  source->read(is_wanted, [&](const SourceFile& file) {
    const std::string name = file.path.substr(0, file.path.size() - 4);
    require(file.fault.empty(), path + ": " + name, "cannot be read: ", file.fault);
    arrays.emplace(name, NumpyArray::parse(file.bytes, path + ": " + name));
  });
  return arrays;
}

}  // namespace maml
