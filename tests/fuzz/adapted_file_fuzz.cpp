#include "maml/base/error.h"
#include "maml/io/safetensors.h"
#include "maml/train/adapted_file.h"

#include <cstdint>
#include <cstdlib>
#include <regex>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace {

/// Read or refused with `Error`; what is read predicts.
void read(std::span<const std::byte> bytes) {
  static const int file = ::memfd_create("adapted", 0);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    std::abort();
  try {
    const maml::LoadedAdapted was = maml::read_adapted(path);
    const std::size_t classes = was.classes.size();
    if (was.adapted.classes() != classes || classes > was.loaded.model->output().size()) std::abort();
    const std::vector<float> x(was.loaded.model->input().size());
    if (was.adapted.probabilities(x).size() != classes) std::abort();
  } catch (const maml::Error&) {
  }
}

/// Layers of millions of units take this build seconds and tell nothing.
bool has_a_huge_layer(const std::string& config) {
  static const std::regex huge("(linear|conv2d) +[0-9]{6}");
  return std::regex_search(config, huge);
}

}  // namespace

/// The input is a file; and, so that more than the checksum is met, the tensors and metadata of one, sealed anew.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  read(bytes);
  try {
    const maml::TensorFile file = maml::parse_safetensors(bytes, "input");
    const auto config = file.metadata.find("config");
    if (config == file.metadata.end() || !has_a_huge_layer(config->second)) read(maml::format_checked(file, "input"));
  } catch (const maml::Error&) {
  }
  return 0;
}
