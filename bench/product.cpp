// How much of the arithmetic peak does the batch-reduce product reach, shape by shape? One thread; the peak is measured
// in the same run (multiply-add chains on the widest vectors of each instruction set, best of five). Best of 15 rounds.
//
//     product [--json FILE] [--isa baseline|avx2|avx512] [--only TEXT]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "maml/base/error.h"
#include "maml/kernels/isa.h"
#include "maml/kernels/peak.h"
#include "maml/kernels/product.h"

namespace {

using namespace maml;

/// How the operands lie in memory: `plain`: C = A B; `weights`: C = A^T B (a weight gradient, A is k x m);
/// `inputs`: C = A B^T (an input gradient, B is n x k).
enum class Form { plain, weights, inputs };

struct Case {
  const char* name;
  Form form;
  std::size_t m, n, k, pairs;
};

constexpr Case cases[] = {
    {"sinusoid 40-40 forward", Form::plain, 10, 40, 40, 1},
    {"sinusoid 40-40 weight gradient", Form::weights, 40, 40, 10, 1},
    {"sinusoid 40-40 input gradient", Form::inputs, 10, 40, 40, 1},
    {"sinusoid 40-40 forward tangent", Form::plain, 10, 40, 40, 2},
    {"sinusoid 40-40 weight gradient tangent", Form::weights, 40, 40, 10, 2},
    {"sinusoid 40-40 input gradient tangent", Form::inputs, 10, 40, 40, 2},
    {"sinusoid 1-40 forward", Form::plain, 10, 40, 1, 1},
    {"sinusoid 1-40 weight gradient", Form::weights, 1, 40, 10, 1},
    {"sinusoid 40-1 forward", Form::plain, 10, 1, 40, 1},
    {"sinusoid 40-1 weight gradient", Form::weights, 40, 1, 10, 1},
    {"sinusoid 40-1 input gradient", Form::inputs, 10, 40, 1, 1},
    {"sinusoid 40-40 forward, 5 points", Form::plain, 5, 40, 40, 1},
    {"sinusoid 40-40 input gradient, 5 points", Form::inputs, 5, 40, 40, 1},
    {"sinusoid 40-40 forward, 100 points", Form::plain, 100, 40, 40, 1},
    {"mlp 784-256 forward", Form::plain, 5, 256, 784, 1},
    {"mlp 784-256 weight gradient", Form::weights, 784, 256, 5, 1},
    {"mlp 256-128 forward", Form::plain, 5, 128, 256, 1},
    {"mlp 256-128 input gradient", Form::inputs, 5, 256, 128, 1},
    {"mlp 128-64 forward, 25 rows", Form::plain, 25, 64, 128, 1},
    {"mlp 128-64 weight gradient, 25 rows", Form::weights, 128, 64, 25, 1},
    {"mlp 128-64 input gradient, 25 rows", Form::inputs, 25, 128, 64, 1},
    {"head 64-5 forward, 25 rows", Form::plain, 25, 5, 64, 1},
    {"head 64-5 weight gradient, 25 rows", Form::weights, 64, 5, 25, 1},
    {"head 64-5 input gradient, 25 rows", Form::inputs, 25, 64, 5, 1},
    {"conv 64-64 forward, 7x7 of 9 taps", Form::plain, 49, 64, 64, 9},
    {"conv 64-64 tangent, 7x7 of 18 taps", Form::plain, 49, 64, 64, 18},
    {"conv 64-64 weight gradient of one tap", Form::weights, 64, 64, 49, 5},
    {"conv 64-64 input gradient, 9 taps", Form::inputs, 49, 64, 64, 9},
    {"conv 32-32 forward, 9 taps, one row", Form::plain, 21, 32, 32, 9},
    {"conv 1-64 forward, 9 taps", Form::plain, 14, 64, 1, 9},
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Best seconds per call.
template <class T> double time_case(const Case& c) {
  std::vector<T> a(c.pairs * c.m * c.k, T(0.5)), b(c.pairs * c.k * c.n, T(0.25)), bias(c.n, T(1)), out(c.m * c.n);
  std::vector<ProductPair<T>> pairs;
  for (std::size_t r = 0; r < c.pairs; ++r) pairs.push_back({&a[r * c.m * c.k], &b[r * c.k * c.n]});
  const auto m = static_cast<std::ptrdiff_t>(c.m), n = static_cast<std::ptrdiff_t>(c.n),
             k = static_cast<std::ptrdiff_t>(c.k);
  ProductShape shape{c.m, c.n, c.k, k, 1, n, 1, n};
  if (c.form == Form::weights) shape.a_row = 1, shape.a_col = m;
  if (c.form == Form::inputs) shape.b_row = 1, shape.b_col = k;
  const auto call = [&] {
    product(shape, pairs.data(), c.pairs, c.form == Form::plain ? bias.data() : nullptr, Into::overwrite, out.data());
  };
  std::size_t calls = 1;
  for (;; calls *= 2) {
    const double start = now();
    for (std::size_t i = 0; i < calls; ++i) call();
    if (now() - start > 0.001) break;
  }
  double best = 1e30;
  for (int round = 0; round < 15; ++round) {
    const double start = now();
    for (std::size_t i = 0; i < calls; ++i) call();
    best = std::min(best, (now() - start) / static_cast<double>(calls));
  }
  return best;
}

struct Row {
  std::string name, isa, scalar;
  double nanoseconds, gflops, peak;
};

/// The peak is taken before and after the shapes, in case something else ran meanwhile.
template <class T> void run(Isa isa, const std::string& only, std::vector<Row>& rows) {
  const char* const scalar = sizeof(T) == 4 ? "float" : "double";
  use_isa(isa);
  const std::size_t first = rows.size();
  double peak = measure_peak_gflops(1, sizeof(T) == 8, isa);
  for (const Case& c : cases) {
    if (std::string(c.name).find(only) == std::string::npos) continue;
    const double time = time_case<T>(c);
    const double gflops = 2e-9 * static_cast<double>(c.m * c.n * c.k * c.pairs) / time;
    rows.push_back({c.name, isa_name(isa), scalar, time * 1e9, gflops, 0});
  }
  peak = std::max(peak, measure_peak_gflops(1, sizeof(T) == 8, isa));
  std::printf("\n%s, %s, one thread: peak %.1f GFLOP/s\n", isa_name(isa), scalar, peak);
  std::printf("%-42s %12s %10s %10s\n", "shape", "ns", "GFLOP/s", "of peak");
  for (std::size_t i = first; i < rows.size(); ++i) {
    Row& r = rows[i];
    r.peak = peak;
    std::printf("%-42s %12.1f %10.1f %9.0f%%\n", r.name.c_str(), r.nanoseconds, r.gflops, 100 * r.gflops / peak);
  }
}

void write_json(const std::string& path, const std::vector<Row>& rows) {
  std::ofstream out(path);
  out << "[\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& r = rows[i];
    out << "  {\"shape\": \"" << r.name << "\", \"isa\": \"" << r.isa << "\", \"scalar\": \"" << r.scalar
        << "\", \"ns\": " << r.nanoseconds << ", \"gflops\": " << r.gflops << ", \"peak_gflops\": " << r.peak
        << ", \"of_peak\": " << r.gflops / r.peak << (i + 1 < rows.size() ? "},\n" : "}\n");
  }
  out << "]\n";
  require(out.good(), "bench", "cannot write ", path);
}

}  // namespace

int main(int argc, char** argv) try {
  std::string json, isa_text, only;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--json") == 0)
      json = argv[i + 1];
    else if (std::strcmp(argv[i], "--isa") == 0)
      isa_text = argv[i + 1];
    else if (std::strcmp(argv[i], "--only") == 0)
      only = argv[i + 1];
    else
      fail("bench", "unknown option ", argv[i], " (--json FILE, --isa NAME, --only TEXT)");
  }
  std::vector<Row> rows;
  for (const Isa isa : {Isa::avx512, Isa::avx2, Isa::baseline}) {
    if (!isa_supported(isa) || (!isa_text.empty() && isa_text != isa_name(isa))) continue;
    run<float>(isa, only, rows);
    run<double>(isa, only, rows);
  }
  if (!json.empty()) write_json(json, rows);
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
