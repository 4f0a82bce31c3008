#pragma once

#include <string_view>

namespace maml {

/// A test hook: a named place at which a test can have the process killed. With the environment variable
/// `MAML_KILL_AT=name:count` the process sends itself SIGKILL the count-th time (from 1) it passes the point of that
/// name; without the variable nothing happens. The names in use are those of `write_atomically` (maml/io/atomic_file.h)
/// behind the labels its callers give (`checkpoint.before_write`, ...), and `metrics.append` before each row of a
/// CsvLog. A malformed value is an error at the first point that is passed.
void fault_point(std::string_view name);

}  // namespace maml
