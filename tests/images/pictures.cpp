#include "tests/images/pictures.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <archive.h>
#include <archive_entry.h>
#include <jpeglib.h>
#include <png.h>

#include "maml/base/rng.h"
#include "maml/images/encode_png.h"
#include "tests/io/scratch_folder.h"

namespace maml_test {

using maml::Image;
using maml::Purpose;
using maml::Rng;

Image drawn_character(std::uint64_t of_class, std::uint64_t drawing, std::size_t side) {
  Rng strokes(of_class, Purpose::check, 1), hand(of_class, Purpose::check, 2, static_cast<std::uint32_t>(drawing));
  Image image(side, side, 1);
  std::fill(image.pixels.begin(), image.pixels.end(), std::uint8_t{255});
  const double size = static_cast<double>(side);
  double x = strokes.uniform(0.2, 0.8) * size, y = strokes.uniform(0.2, 0.8) * size;
  for (int stroke = 0; stroke < 5; ++stroke) {
    const double to_x = (strokes.uniform(0.15, 0.85) + hand.uniform(-0.04, 0.04)) * size;
    const double to_y = (strokes.uniform(0.15, 0.85) + hand.uniform(-0.04, 0.04)) * size;
    for (std::size_t dot = 0; dot <= 4 * side; ++dot)
      for (int wide = 0; wide < 3; ++wide) {
        const double t = static_cast<double>(dot) / (4 * size);
        const auto row = static_cast<std::size_t>(y + t * (to_y - y)),
                   column = static_cast<std::size_t>(x + t * (to_x - x));
        image.pixels[std::min(row + wide / 2, side - 1) * side + std::min(column + wide % 2, side - 1)] = 0;
      }
    x = to_x;
    y = to_y;
  }
  return image;
}

Image photo_like(std::uint64_t of_class, std::uint64_t shot, std::size_t height, std::size_t width) {
  Rng hues(of_class, Purpose::check, 3), noise(of_class, Purpose::check, 4, static_cast<std::uint32_t>(shot));
  Image image(height, width, 3);
  const double base[] = {hues.uniform(40, 215), hues.uniform(40, 215), hues.uniform(40, 215)};
  const double phase = noise.uniform(0, 6), slope = hues.uniform(1, 5);
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t x = 0; x < width; ++x)
      for (std::size_t c = 0; c < 3; ++c) {
        const double across = static_cast<double>(x) / static_cast<double>(width);
        const double down = static_cast<double>(y) / static_cast<double>(height);
        const double value = base[c] + 30 * std::sin(slope * (across + static_cast<double>(c) * down) + phase);
        image.pixels[(y * width + x) * 3 + c] =
            static_cast<std::uint8_t>(std::clamp(value + 3 * noise.normal(), 0.0, 255.0));
      }
  return image;
}

std::string png(const Image& image) {
  const auto bytes = maml::encode_png(image);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string png(const Image& image, const PngKind& kind) {
  std::string bytes;
  png_structp writer = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(writer);
  png_set_write_fn(
      writer, &bytes,
      [](png_structp p, png_bytep data, png_size_t size) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<const char*>(data), size);
      },
      nullptr);
  const bool is_grey = image.channels <= 2;
  int type = is_grey ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB;
  if (kind.has_alpha) type |= PNG_COLOR_MASK_ALPHA;
  if (kind.has_palette) type = PNG_COLOR_TYPE_PALETTE;
  png_set_IHDR(writer, info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), kind.bits,
               type, kind.is_interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  std::vector<png_color> palette;
  for (int i = 0; i < 1 << std::min(kind.bits, 8); ++i)
    palette.push_back({static_cast<png_byte>(i), static_cast<png_byte>(255 - i), 7});
  if (kind.has_palette) png_set_PLTE(writer, info, palette.data(), static_cast<int>(palette.size()));
  if (kind.gamma > 0) png_set_gAMA(writer, info, kind.gamma);
  png_write_info(writer, info);
  if (kind.bits < 8) png_set_packing(writer);
  const std::size_t line = image.width * image.channels * (kind.bits == 16 ? 2 : 1);
  std::vector<png_byte> samples(line * image.height);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    samples[kind.bits == 16 ? 2 * i : i] = static_cast<png_byte>(
        kind.bits < 8 && !kind.has_palette ? image.pixels[i] >> (8 - kind.bits) : image.pixels[i]);
  std::vector<png_bytep> rows;
  for (std::size_t y = 0; y < image.height; ++y) rows.push_back(samples.data() + y * line);
  png_write_image(writer, rows.data());
  png_write_end(writer, info);
  png_destroy_write_struct(&writer, &info);
  return bytes;
}

std::string jpeg(const Image& image, const JpegKind& kind) {
  jpeg_compress_struct info{};
  jpeg_error_mgr handler{};
  info.err = jpeg_std_error(&handler);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = kind.is_cmyk ? 4 : static_cast<int>(image.channels);
  info.in_color_space = kind.is_cmyk ? JCS_CMYK : image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, kind.quality, TRUE);
  if (kind.is_progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  std::vector<JSAMPLE> row(image.width * 4);
  for (std::size_t y = 0; y < image.height; ++y) {
    if (!kind.is_cmyk)
      std::copy_n(image.pixels.data() + y * image.width * image.channels, image.width * image.channels, row.data());
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&info, &pointer, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string bytes(reinterpret_cast<const char*>(memory), size);
  std::free(memory);
  return bytes;
}

void write_archive(const std::string& path, const Files& files) {
  archive* writer = archive_write_new();
  const auto ends_with = [&](const std::string& end) {
    return path.size() > end.size() && path.compare(path.size() - end.size(), end.size(), end) == 0;
  };
  if (ends_with(".zip")) {
    archive_write_set_format_zip(writer);
  } else {
    archive_write_set_format_pax_restricted(writer);
    if (ends_with(".gz")) archive_write_add_filter_gzip(writer);
  }
  if (archive_write_open_filename(writer, path.c_str()) != ARCHIVE_OK) throw std::runtime_error(path);
  for (const auto& [name, bytes] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    const bool is_link = bytes.compare(0, 3, "-> ") == 0;
    archive_entry_set_filetype(entry, is_link ? AE_IFLNK : AE_IFREG);
    if (is_link) archive_entry_set_symlink(entry, bytes.c_str() + 3);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, is_link ? 0 : static_cast<la_int64_t>(bytes.size()));
    archive_write_header(writer, entry);
    if (!is_link) archive_write_data(writer, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
}

void write_folder(const std::string& path, const Files& files) {
  std::filesystem::create_directories(path);
  for (const auto& [name, bytes] : files) {
    const std::filesystem::path file = std::filesystem::path(path) / name;
    std::filesystem::create_directories(file.parent_path());
    if (bytes.compare(0, 3, "-> ") == 0)
      std::filesystem::create_symlink(bytes.substr(3), file);
    else
      put_bytes(file.string(), bytes);
  }
}

}  // namespace maml_test
