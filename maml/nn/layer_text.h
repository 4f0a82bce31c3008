#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace maml {

/// The text of a layer, `conv2d 64 kernel=3 stride=2 padding=same`, taken apart. Every question names the layer in its
/// error; `done()` refuses whatever was not asked for.
class LayerText {
public:
  explicit LayerText(const std::string& text);

  const std::string& kind() const { return kind_; }
  const std::string& whole() const { return whole_; }
  /// The i-th argument without a key, a whole number of at least 1; throws Error where it is missing or not one.
  std::size_t size(std::size_t i, const std::string& what) const;
  /// The same for a name.
  const std::string& name(std::size_t i, const std::string& what) const;
  std::size_t size(const std::string& key, std::size_t otherwise) const;
  /// The same as it stands.
  std::string argument(std::size_t i, const std::string& what) const;
  double number(const std::string& key, double otherwise) const;
  bool flag(const std::string& key, bool otherwise) const;
  std::string word(const std::string& key, const std::string& otherwise,
                   const std::vector<std::string>& allowed = {}) const;
  /// Throws Error for arguments that nobody asked for, naming the keys that exist.
  void done() const;

private:
  std::string whole_, kind_;
  std::vector<std::string> arguments_;
  std::map<std::string, std::string> keys_;
  mutable std::size_t used_arguments_ = 0;
  mutable std::set<std::string> used_keys_;
};

}  // namespace maml
