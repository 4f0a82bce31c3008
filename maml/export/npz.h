#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "maml/io/tensor.h"

namespace maml {

// NumPy's archive of arrays: a zip whose entries NAME.npy are the tensors (format 1.0, row-major, little endian).
// numpy.load reads it.

/// The bytes of an archive, entries stored without compression and without a date, in the order of the tensors' names;
/// last the metadata as an entry `metadata.json` (an object of texts), if there are any. The same tensors and metadata
/// give the same bytes. Throws Error, `name` stands for the path, where two tensors share a name or where it would pass
/// the 4 GiB of a plain zip.
std::vector<std::byte> format_npz(const TensorFile& file, const std::string& name);

/// Writes an archive atomically.
void write_npz(const std::string& path, const TensorFile& file);

}  // namespace maml
