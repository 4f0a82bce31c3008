#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "maml/images/image.h"

namespace maml_test {

/// A drawing of a character, black strokes on white: the class says which strokes, the drawing shakes them a little.
maml::Image drawn_character(std::uint64_t of_class, std::uint64_t drawing, std::size_t side = 105);

/// Something like a photograph: soft patches of colour, of the class's hues, under noise.
maml::Image photo_like(std::uint64_t of_class, std::uint64_t shot, std::size_t height, std::size_t width);

/// PNG and JPEG files as the world writes them; all of them as strings of bytes.
std::string png(const maml::Image& image);
struct PngKind {
  int bits = 8;  ///< a sample (of a palette entry's number, for palettes)
  bool is_interlaced = false;
  bool has_palette = false;  ///< of an image with one channel: value v becomes colour (v, 255 - v, 7)
  bool has_alpha = false;    ///< the last channel of the image is opacity
  double gamma = 0;          ///< that it says its values have; 0: it does not say
};
std::string png(const maml::Image& image, const PngKind& kind);

struct JpegKind {
  int quality = 95;
  bool is_progressive = false, is_cmyk = false;
};
std::string jpeg(const maml::Image& image, const JpegKind& kind = {});

/// An archive by its ending: .zip, .tar, .tar.gz. An entry whose bytes begin with "-> " is a symbolic link.
using Files = std::vector<std::pair<std::string, std::string>>;
void write_archive(const std::string& path, const Files& files);
/// The same as files in a folder, which is made.
void write_folder(const std::string& path, const Files& files);

}  // namespace maml_test
