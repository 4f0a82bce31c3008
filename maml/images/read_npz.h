#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace maml {

/// An array of NumPy's: numbers (integers, floats, booleans) or texts, row-major and little endian.
class NumpyArray {
public:
  /// An .npy file, versions 1 to 3. Throws Error at `name` for what is none, or is of another kind.
  static NumpyArray parse(std::span<const std::byte> bytes, const std::string& name);

  const std::string& name() const { return name_; }
  const std::vector<std::size_t>& shape() const { return shape_; }
  std::size_t size() const;
  /// Throws Error where they are texts.
  std::vector<double> numbers() const;
  /// Texts as they are, in UTF-8; whole numbers written out. Throws Error for others.
  std::vector<std::string> texts() const;

private:
  std::string name_;
  char kind_ = 'f';  ///< f, i, u, b; U, S
  std::size_t element_ = 8;
  std::vector<std::size_t> shape_;
  std::vector<std::byte> bytes_;
};

/// The arrays of these names in an .npz (compressed or not), by name; the error names what there is, and the nearest.
std::map<std::string, NumpyArray> read_npz(const std::string& path, const std::vector<std::string>& names);

}  // namespace maml
