// Any ASCII text (toml++ 3.3 has faults of its own beyond it) is either a config whose resolved form reads back to
// itself, or refused with an Error.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "maml/base/error.h"
#include "maml/nn/layer_text.h"
#include "maml/train/options.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const char c : text)
    if (static_cast<unsigned char>(c) >= 0x80) return 0;
  try {
    const maml::Options options = maml::parse_options(text, "fuzz.toml");
    const std::string written = maml::to_toml(options);
    if (maml::to_toml(maml::parse_options(written, "written.toml")) != written) std::abort();
    for (const auto& layer : options.model.layers) maml::LayerText{layer};
    (void)maml::resolved(options);
  } catch (const maml::Error&) {
  }
  return 0;
}
