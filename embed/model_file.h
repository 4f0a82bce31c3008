#pragma once

#include <cstddef>
#include <cstdint>

#include "maml/export/embed_format.h"

namespace maml::embed {

/// A file that passed `open_file`: views of its bytes.
struct ModelFile {
  const FileHeader* header;
  const LayerRecord* layers;
  const std::uint32_t* slices;
  const float *parameters, *state, *rates, *support;
  const char* text;  ///< null: none
  std::size_t inputs, outputs, targets;

  /// Parameters and running statistics of layer i, and the elements of its first slice.
  struct Sizes {
    std::uint64_t inputs, outputs, first_slice, parameters, state;
  };
};

/// Looks at all of the bytes: MAML_ADAPT_OK, or what is wrong. What a checksum vouches for is looked at all the same,
/// since whoever made it may mean harm: no pass over a file that is let through leaves the memory it is given.
int open_file(const void* bytes, std::size_t size, ModelFile& file);

/// Of a layer in a file; false where its record is none that can be.
bool sizes_of(const LayerRecord&, ModelFile::Sizes&);

}  // namespace maml::embed
