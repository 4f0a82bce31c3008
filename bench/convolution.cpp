// How much of the arithmetic peak do the convolutions of the three networks reach, layer by layer? One thread; padding
// is not work; the peak is measured in the same run, before and after. Best of 15 rounds.
//
//     convolution [--isa baseline|avx2|avx512] [--only TEXT]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "maml/base/error.h"
#include "maml/kernels/isa.h"
#include "maml/kernels/peak.h"
#include "maml/nn/layer.h"

namespace {

using namespace maml;

struct Case {
  const char *name, *text;
  Shape input;
  std::size_t images;
};

const Case cases[] = {
    {"omniglot 1, 5 images", "conv2d 64 stride=2", Shape{{28, 28, 1}}, 5},
    {"omniglot 2, 5 images", "conv2d 64 stride=2", Shape{{14, 14, 64}}, 5},
    {"omniglot 3, 5 images", "conv2d 64 stride=2", Shape{{7, 7, 64}}, 5},
    {"omniglot 4, 5 images", "conv2d 64 stride=2", Shape{{4, 4, 64}}, 5},
    {"omniglot 2, 20 images", "conv2d 64 stride=2", Shape{{14, 14, 64}}, 20},
    {"omniglot 3, 20 images", "conv2d 64 stride=2", Shape{{7, 7, 64}}, 20},
    {"omniglot 4, 20 images", "conv2d 64 stride=2", Shape{{4, 4, 64}}, 20},
    {"mini-imagenet 1, 5 images", "conv2d 32", Shape{{84, 84, 3}}, 5},
    {"mini-imagenet 2, 5 images", "conv2d 32", Shape{{42, 42, 32}}, 5},
    {"mini-imagenet 3, 5 images", "conv2d 32", Shape{{21, 21, 32}}, 5},
    {"mini-imagenet 4, 5 images", "conv2d 32", Shape{{10, 10, 32}}, 5},
    {"mini-imagenet 1, 75 images", "conv2d 32", Shape{{84, 84, 3}}, 75},
    {"mini-imagenet 2, 75 images", "conv2d 32", Shape{{42, 42, 32}}, 75},
    {"mini-imagenet 3, 75 images", "conv2d 32", Shape{{21, 21, 32}}, 75},
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class F> double best_seconds(F call) {
  std::size_t calls = 1;
  for (;; calls *= 2) {
    const double start = now();
    for (std::size_t i = 0; i < calls; ++i) call();
    if (now() - start > 0.002) break;
  }
  double best = 1e30;
  for (int round = 0; round < 15; ++round) {
    const double start = now();
    for (std::size_t i = 0; i < calls; ++i) call();
    best = std::min(best, (now() - start) / static_cast<double>(calls));
  }
  return best;
}

void run(Isa isa, const std::string& only) {
  use_isa(isa);
  double peak = measure_peak_gflops(1, false, isa);
  struct Row {
    std::string name;
    double flops, forward, weights, inputs;
  };
  std::vector<Row> rows;
  for (const Case& c : cases) {
    if (std::string(c.name).find(only) == std::string::npos) continue;
    const auto layer = make_layer(c.text, c.input);
    const auto& info = layer->info();
    std::size_t parameters = 0;
    for (const auto& spec : info.parameters) parameters += spec.size;
    std::vector<float> x(c.images * c.input.size(), 0.5f), y(c.images * info.output.size(), 0.25f), dx(x), dy(y);
    std::vector<float> theta(parameters, 0.01f), d_theta(parameters), cache(layer->cache_size(c.images));
    LayerCall<Value<float>> call;
    call.rows = c.images;
    call.x.base.value = x.data();
    call.y.base.value = y.data();
    call.cache.base.value = cache.data();
    call.parameters.base.value = theta.data();
    call.dy.base.value = dy.data();
    call.d_parameters.base.value = d_theta.data();
    const double forward = best_seconds([&] { layer->forward(call); });
    const double weights = best_seconds([&] { layer->backward(call); });
    call.dx.base.value = dx.data();
    const double both = best_seconds([&] { layer->backward(call); });
    rows.push_back({c.name, 2 * info.products_per_row * static_cast<double>(c.images), forward, weights, both - weights});
  }
  peak = std::max(peak, measure_peak_gflops(1, false, isa));
  std::printf("\n%s, float, one thread: peak %.1f GFLOP/s\n", isa_name(isa), peak);
  std::printf("%-28s %10s %9s %9s %9s\n", "layer", "MFLOP", "forward", "weights", "inputs");
  const auto share = [&](double flops, double seconds) { return 100 * flops / seconds / 1e9 / peak; };
  for (const Row& r : rows)
    std::printf("%-28s %10.2f %7.0f %% %7.0f %% %7.0f %%\n", r.name.c_str(), r.flops / 1e6, share(r.flops, r.forward),
                share(r.flops, r.weights), share(r.flops, r.inputs));
}

}  // namespace

int main(int argc, char** argv) {
  std::string isa, only;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--isa") == 0) isa = argv[i + 1];
    if (std::strcmp(argv[i], "--only") == 0) only = argv[i + 1];
  }
  for (const Isa each : {Isa::avx2, Isa::avx512})
    if (isa_supported(each) && (isa.empty() || isa == isa_name(each))) run(each, only);
}
