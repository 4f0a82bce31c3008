#include <csetjmp>
#include <cstdio>
#include <utility>

#include <jpeglib.h>

#include <jerror.h>

#include "maml/base/error.h"
#include "maml/images/decode.h"

namespace maml {

namespace {

constexpr int most_scans = 200;  // of a progressive picture; more are an attack
constexpr long most_memory = long{1} << 30;

/// libjpeg's state. It leaves by longjmp where something is wrong, over frames of its own only: each step below sets
/// the place to land on, calls one function, and tells whether that returned.
class Decoder {
public:
  Decoder() {
    info_.err = jpeg_std_error(&handler_);
    info_.client_data = this;
    handler_.error_exit = [](j_common_ptr info) { std::longjmp(of(info).landing_, 1); };
    handler_.emit_message = [](j_common_ptr info, int level) {
      // Level -1: the picture suffered.
      const int code = info->err->msg_code;
      const bool is_harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR;
      if (level < 0 && !is_harmless) info->err->error_exit(info);
    };
    handler_.output_message = [](j_common_ptr) {};
    progress_.progress_monitor = [](j_common_ptr info) {
      if (of(info).info_.input_scan_number > most_scans) std::longjmp(of(info).landing_, 2);
    };
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info_); }

  bool read_header(const unsigned char* bytes, unsigned long size) {
    if (const int landed = setjmp(landing_)) return stopped(landed);
    jpeg_create_decompress(&info_);
    info_.mem->max_memory_to_use = most_memory;
    info_.progress = &progress_;
    jpeg_mem_src(&info_, bytes, size);
    jpeg_read_header(&info_, TRUE);
    return true;
  }
  bool start(J_COLOR_SPACE colours) {
    if (const int landed = setjmp(landing_)) return stopped(landed);
    info_.out_color_space = colours;
    jpeg_start_decompress(&info_);
    return true;
  }
  bool read_row(JSAMPLE* row) {
    if (const int landed = setjmp(landing_)) return stopped(landed);
    jpeg_read_scanlines(&info_, &row, 1);
    return true;
  }
  bool finish() {
    if (const int landed = setjmp(landing_)) return stopped(landed);
    jpeg_finish_decompress(&info_);
    return true;
  }

  const jpeg_decompress_struct& info() const { return info_; }
  std::string message() {
    if (has_too_many_scans_) return "it has too many scans";
    char text[JMSG_LENGTH_MAX];
    handler_.format_message(reinterpret_cast<j_common_ptr>(&info_), text);
    return text;
  }

private:
  static Decoder& of(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }
  bool stopped(int landed) {
    has_too_many_scans_ = landed == 2;
    return false;
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr handler_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf landing_{};
  bool has_too_many_scans_ = false;
};

}  // namespace

Image decode_jpeg(std::span<const std::byte> bytes, const std::string& name) {
  Decoder decoder;
  const auto done = [&](bool succeeded) {
    require(succeeded, name, "is a broken JPEG: ", decoder.message(), " (replace it, or leave it out)");
  };
  done(decoder.read_header(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
  const auto& info = decoder.info();
  require_extents(info.image_height, info.image_width, name);
  require(info.jpeg_color_space != JCS_CMYK && info.jpeg_color_space != JCS_YCCK, name,
          "has CMYK colours (convert it to RGB)");
  const bool is_grey = info.jpeg_color_space == JCS_GRAYSCALE;
  done(decoder.start(is_grey ? JCS_GRAYSCALE : JCS_RGB));
  Image image(info.output_height, info.output_width, is_grey ? 1 : 3);
  for (std::size_t row = 0; row < image.height; ++row)
    done(decoder.read_row(image.pixels.data() + row * image.width * image.channels));
  done(decoder.finish());
  return image;
}

}  // namespace maml
