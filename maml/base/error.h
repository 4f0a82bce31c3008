#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace maml {

/// The one exception of the library. Its message names the thing at fault in brackets, says what is wrong and how to
/// mend it: `[conv2d] kernel 5 is larger than input 3 (use padding = same)`.
class Error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Throws `Error("[where] parts...")`; the parts are written one after the other with `<<`.
template <class... Parts> [[noreturn]] void fail(const std::string& where, const Parts&... parts) {
  std::ostringstream text;
  text << "[" << where << "] ";
  (text << ... << parts);
  throw Error(text.str());
}

/// `fail(where, parts...)` unless `holds`. For the caller's mistakes; programmer errors are asserts.
template <class... Parts> void require(bool holds, const std::string& where, const Parts&... parts) {
  if (!holds) fail(where, parts...);
}

}  // namespace maml
