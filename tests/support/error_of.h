#pragma once

#include <string>

#include "maml/base/error.h"

namespace maml::test {

/// The message of the Error that `body` throws, "" if it throws none.
template <class Body> std::string error_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace maml::test
