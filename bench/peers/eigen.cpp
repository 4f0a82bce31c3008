#include <algorithm>
#include <memory>

#include "bench/peers/eigen_passes.h"

namespace maml::bench {

std::vector<Form> eigen_forms(Isa isa, const Convolution& c, Pass pass) {
  const EigenPasses& passes = isa == Isa::avx512 ? eigen_avx512 : eigen_avx2;
  const auto run = pass == Pass::forward ? passes.forward : pass == Pass::weights ? passes.weights : passes.inputs;
  const std::size_t depth = c.rows.kernel * c.columns.kernel * c.in, pixels = c.images * c.rows.out * c.columns.out;
  const std::size_t size = pass == Pass::forward ? c.y_size() : pass == Pass::weights ? c.w_size() : c.x_size();
  std::vector<Form> forms;
  for (const std::size_t kib : {256, 1024}) {
    const std::size_t fits = kib * 1024 / sizeof(float) / depth,
                      block = std::min(pixels, std::max<std::size_t>(1, fits));
    const auto patches = std::make_shared<AlignedArray<float>>(block * depth);
    const auto out = std::make_shared<AlignedArray<float>>(size);
    forms.push_back({std::to_string(kib) + " KiB of patches", [=] { run(c, block, patches->data(), out->data()); },
                     [=] { return std::vector<float>(out->data(), out->data() + size); }});
    if (block == pixels) break;
  }
  return forms;
}

}  // namespace maml::bench
