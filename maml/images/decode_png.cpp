#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <vector>

#include <png.h>

#include "maml/base/error.h"
#include "maml/images/decode.h"

namespace maml {

namespace {

/// libpng's state. It leaves by longjmp where something is wrong, over frames of its own only, as libjpeg does in
/// decode_jpeg.cpp. Values come as they are stored: nothing asks libpng for gamma or colour spaces, and all chunks but
/// those that pixels are made of are skipped unread, compressed ones (text, profiles) too.
class Decoder {
public:
  explicit Decoder(std::span<const std::byte> bytes) : bytes_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, png_const_charp) {});
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { png_destroy_read_struct(&png_, &info_, nullptr); }

  bool read_header() {
    if (info_ == nullptr) return false;
    if (setjmp(landing_)) return false;
    png_set_read_fn(png_, this, read);
    png_set_benign_errors(png_, 1);  // warnings
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png_, info_);
    return true;
  }
  /// 8 bits a channel, palettes as colours, transparency as a channel.
  bool expand() {
    if (setjmp(landing_)) return false;
    png_set_expand(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }
  bool read_rows(png_bytepp rows) {
    if (setjmp(landing_)) return false;
    png_read_image(png_, rows);
    return true;
  }

  std::size_t height() const { return png_get_image_height(png_, info_); }
  std::size_t width() const { return png_get_image_width(png_, info_); }
  std::size_t channels() const { return png_get_channels(png_, info_); }
  int bits() const { return png_get_bit_depth(png_, info_); }
  const char* message() const { return message_.data(); }

private:
  static void on_error(png_structp png, png_const_charp message) {
    Decoder& decoder = *static_cast<Decoder*>(png_get_error_ptr(png));
    std::snprintf(decoder.message_.data(), decoder.message_.size(), "%s", message);
    std::longjmp(decoder.landing_, 1);
  }
  static void read(png_structp png, png_bytep to, std::size_t size) {
    Decoder& decoder = *static_cast<Decoder*>(png_get_io_ptr(png));
    if (size > decoder.bytes_.size()) png_error(png, "it ends too early");
    std::copy_n(reinterpret_cast<const png_byte*>(decoder.bytes_.data()), size, to);
    decoder.bytes_ = decoder.bytes_.subspan(size);
  }

  std::span<const std::byte> bytes_;  ///< not read yet
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf landing_{};
  std::array<char, 200> message_{"there is no memory for it"};
};

/// Drops the last channel, the opacity.
Image on_white(const Image& given) {
  const std::size_t channels = given.channels - 1;
  Image result(given.height, given.width, channels);
  for (std::size_t pixel = 0; pixel < given.height * given.width; ++pixel) {
    const std::uint8_t* from = given.pixels.data() + pixel * given.channels;
    const unsigned opacity = from[channels];
    for (std::size_t c = 0; c < channels; ++c)
      result.pixels[pixel * channels + c] =
          static_cast<std::uint8_t>((from[c] * opacity + 255 * (255 - opacity) + 127) / 255);
  }
  return result;
}

}  // namespace

Image decode_png(std::span<const std::byte> bytes, const std::string& name) {
  Decoder decoder(bytes);
  const auto done = [&](bool succeeded) {
    require(succeeded, name, "is a broken PNG: ", decoder.message(), " (replace it, or leave it out)");
  };
  done(decoder.read_header());
  require(decoder.bits() != 16, name, "has 16 bits a channel (convert it to 8)");
  require_extents(decoder.height(), decoder.width(), name);
  done(decoder.expand());
  Image image(decoder.height(), decoder.width(), decoder.channels());
  std::vector<png_bytep> rows;
  for (std::size_t y = 0; y < image.height; ++y) rows.push_back(image.pixels.data() + y * image.width * image.channels);
  done(decoder.read_rows(rows.data()));
  return image.channels % 2 == 0 ? on_white(image) : image;
}

}  // namespace maml
