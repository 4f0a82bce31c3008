#include "maml/base/error.h"
#include "maml/images/decode.h"
#include "maml/images/import.h"
#include "maml/io/image_pack.h"

#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

/// Any bytes are a picture, an archive of pictures, or refused with `Error`; a pack that an import wrote verifies.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const maml::Image image = maml::decode_image(bytes, "input");
    if (image.pixels.size() != image.height * image.width * image.channels) std::abort();
    return 0;
  } catch (const maml::Error&) {
  }
  static const int file = ::memfd_create("input", 0);
  static const std::string in = "/proc/self/fd/" + std::to_string(file);
  static const std::string out =
      (std::filesystem::temp_directory_path() / ("maml-import-fuzz-" + std::to_string(::getpid()))).string();
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  maml::ImportOptions options;
  options.inputs = {in};
  options.out = out;
  options.overwrite = true;
  options.on_broken = maml::OnBroken::skip;
  options.split = "50%/50%";
  options.height = options.width = 8;
  options.colours = maml::Colours::colour;
  try {
    if (maml::import_images(options).stopped) std::abort();
    maml::ImagePack::open(out)->verify();
  } catch (const maml::Error&) {
  }
  ::unlink(out.c_str());
  if (::access((out + ".tmp").c_str(), F_OK) == 0) std::abort();
  return 0;
}
