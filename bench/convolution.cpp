// How much of the arithmetic peak do the convolutions of the image presets reach, layer by layer, at every number of
// images that they train on, ours and those of oneDNN, LIBXSMM and Eigen, where they are installed? One thread, float,
// the same images for everybody; padding is not work for anybody; no bias; the peak is measured in the same run, again
// and again. Rounds go by turns, the best counts.
//
// Everybody's best form: oneDNN chooses its memory formats, and of its implementations the fastest counts; LIBXSMM is a
// batch-reduce product over taps, in the fastest of some arrangements of the images (bench/peers/libxsmm.cpp); both
// have their operands in that form before the clock starts and leave results in it. Ours and Eigen's (patches and a
// matrix product; gathering the patches counts) work on plain images and weights, and ours transposes the weights for
// the input gradient in the time. Each is checked against ours before it is timed. "inputs" of ours: backward with,
// less backward without.
//
//     convolution [--isa avx2|avx512] [--only TEXT] [--rounds N] [--json FILE]

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "bench/flags.h"
#include "bench/peers/peer.h"
#include "maml/base/error.h"
#include "maml/base/rng.h"
#include "maml/io/atomic_file.h"
#include "maml/kernels/peak.h"
#include "maml/nn/backbones.h"
#include "maml/nn/model.h"
#include "maml/train/options.h"

namespace maml::bench {
namespace {

struct Case {
  std::string data;    ///< whose network it is of
  std::size_t images;  ///< support or query images of a task
  std::size_t number;  ///< which of the network's convolutions
  std::string layer;
  std::vector<std::size_t> input;

  auto operator<=>(const Case&) const = default;  // NOLINT(modernize-use-nullptr): takes 0 in it for a pointer
  std::string name() const { return data + " " + std::to_string(number) + ", " + std::to_string(images) + " images"; }
};

/// Every convolution of the presets, at every number of images that they train on.
std::set<Case> all_cases() {
  std::set<Case> cases;
  for (const PresetInfo& info : list_presets()) {
    const Options options = resolved(preset(info.name));
    if (options.data.domain != "images") continue;
    const Model model(options.model);
    const auto texts = expanded_layers(options.model.layers);
    std::size_t number = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (model.layer(i).info().kind != "conv2d") continue;
      ++number;
      for (const std::size_t shots : {options.data.shots, options.data.query_shots})
        cases.insert({std::filesystem::path(options.data.file).stem().string(), options.data.ways * shots, number,
                      texts[i] + " bias=false", model.layer(i).info().input.extents});
    }
  }
  return cases;
}

struct Peer {
  const char* name;
  MakeForms forms;  ///< null: not installed
};

const Peer peers[] = {
#ifdef MAML_PEER_ONEDNN
    {"oneDNN", onednn_forms},
#else
    {"oneDNN", nullptr},
#endif
#ifdef MAML_PEER_LIBXSMM
    {"LIBXSMM", libxsmm_forms},
#else
    {"LIBXSMM", nullptr},
#endif
#ifdef MAML_PEER_EIGEN
    {"Eigen", eigen_forms},
#else
    {"Eigen", nullptr},
#endif
};

constexpr std::array passes{Pass::forward, Pass::weights, Pass::inputs};
const char* name_of(Pass pass) {
  return pass == Pass::forward ? "forward" : pass == Pass::weights ? "weights" : "inputs";
}

/// This thread's own time on a core: a call over 75 images is longer than a busy machine leaves it alone.
double now() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Something to time: so many calls a round, and the best round's seconds a call.
struct Timed {
  std::size_t who;  // 0: ours, else 1 + the peer
  std::string form;
  std::function<void()> run;
  std::size_t calls = 1;
  double best = 1e30;

  double round() {
    const double start = now();
    for (std::size_t i = 0; i < calls; ++i) run();
    const double span = now() - start;
    best = std::min(best, span / static_cast<double>(calls));
    return span;
  }
};

/// Times all of them, each in every round. Of forms of one peer those that are far behind after a first round drop out.
void time_by_turns(std::vector<Timed>& all, int rounds) {
  for (Timed& t : all) {
    t.run();
    while (t.round() < 0.002) t.calls *= 2;
  }
  std::erase_if(all, [&](const Timed& t) {
    return t.who != 0 && std::any_of(all.begin(), all.end(),
                                     [&](const Timed& other) { return other.who == t.who && other.best < t.best / 2; });
  });
  for (int round = 0; round < rounds; ++round)
    for (Timed& t : all) t.round();
}

AlignedArray<float> random_array(std::size_t size, Rng& rng) {
  AlignedArray<float> values(size);
  for (std::size_t i = 0; i < size; ++i) values[i] = 2 * static_cast<float>(rng.uniform()) - 1;
  return values;
}

/// The largest difference over the largest value.
double relative_error(const std::vector<float>& got, const AlignedArray<float>& want) {
  require(got.size() == want.size(), "bench", "a peer returns ", got.size(), " elements, not ", want.size());
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double d = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
    difference = d <= difference ? difference : d;  // keeps NaN
    largest = std::max(largest, std::abs(static_cast<double>(want[i])));
  }
  return difference / largest;
}

struct Row {
  std::string name;
  double flops;
  double seconds[3][4];  ///< pass, who; 0: not installed
  std::string forms[3][4];
};

/// Times everybody on one layer; `peak` rises to the best seen beside it.
Row measure(Isa isa, const Case& c, int rounds, double& peak) {
  const auto layer = make_layer(c.layer, Shape{c.input});
  const auto& info = layer->info();
  const LayerText text(c.layer);
  const auto axis = [&](std::size_t i) {
    return ConvAxis::make(c.input[i], text.size("kernel", 3), text.size("stride", 1),
                          text.word("padding", "same") == "same");
  };
  Convolution conv{c.images, axis(0), axis(1), info.input.channels(), info.output.channels(),
                   nullptr,  nullptr, nullptr};
  Rng rng(1, Purpose::check);
  auto x = random_array(conv.x_size(), rng), w = random_array(conv.w_size(), rng),
       dy = random_array(conv.y_size(), rng);
  conv.x = x.data(), conv.w = w.data(), conv.dy = dy.data();
  AlignedArray<float> y(dy.size()), dx(x.size()), dw(w.size()), cache(layer->cache_size(c.images));
  LayerCall<Value<float>> call;
  call.rows = c.images;
  call.x.base.value = x.data();
  call.y.base.value = y.data();
  call.cache.base.value = cache.data();
  call.parameters.base.value = w.data();
  call.dy.base.value = dy.data();
  call.d_parameters.base.value = dw.data();
  LayerCall<Value<float>> call_with_inputs = call;
  call_with_inputs.dx.base.value = dx.data();
  layer->forward(call);
  layer->backward(call_with_inputs);

  Row row{c.name(), 2 * info.products_per_row * static_cast<double>(c.images), {}, {}};
  for (std::size_t p = 0; p < passes.size(); ++p) {
    const Pass pass = passes[p];
    std::vector<Timed> all;
    if (pass == Pass::forward) all.push_back({0, "without", [&] { layer->forward(call); }});
    if (pass != Pass::forward) all.push_back({0, "without", [&] { layer->backward(call); }});
    if (pass == Pass::inputs) all.push_back({0, "with", [&] { layer->backward(call_with_inputs); }});
    for (std::size_t i = 0; i < std::size(peers); ++i) {
      if (!peers[i].forms) continue;
      for (const Form& form : peers[i].forms(isa, conv, pass)) {
        form.run();
        const double error = relative_error(form.result(), pass == Pass::forward ? y : pass == Pass::weights ? dw : dx);
        require(error < 1e-4, "bench", c.name(), ", ", name_of(pass), ": ", peers[i].name, " (", form.name,
                ") differs from ours by ", error);
        all.push_back({i + 1, form.name, form.run});
      }
    }
    time_by_turns(all, rounds);
    peak = std::max(peak, measure_peak_gflops(1, false, isa));
    double without = 0, with = 0;
    for (const Timed& t : all) {
      if (t.who == 0) {
        (t.form == "with" ? with : without) = t.best;
      } else if (row.seconds[p][t.who] == 0 || t.best < row.seconds[p][t.who]) {
        row.seconds[p][t.who] = t.best;
        row.forms[p][t.who] = t.form;
      }
    }
    row.seconds[p][0] = pass == Pass::inputs ? std::max(with - without, 1e-9) : without;
  }
  return row;
}

void print(Isa isa, const std::vector<Row>& rows, double peak) {
  std::printf("\n%s, float, one thread: peak %.1f GFLOP/s\n", isa_name(isa), peak);
  for (std::size_t p = 0; p < passes.size(); ++p) {
    std::printf("%-28s %10s %13s", name_of(passes[p]), "MFLOP", "ours");
    for (const Peer& peer : peers) std::printf(" %13s", peer.name);
    std::printf("  ours to the best of them\n");
    for (const Row& r : rows) {
      std::printf("%-28s %10.2f", r.name.c_str(), r.flops / 1e6);
      double best = 1e30;
      for (std::size_t who = 0; who <= std::size(peers); ++who) {
        if (r.seconds[p][who] == 0) {
          std::printf(" %13s", "not installed");
          continue;
        }
        std::printf(" %11.0f %%", 100 * r.flops / r.seconds[p][who] / 1e9 / peak);
        if (who > 0) best = std::min(best, r.seconds[p][who]);
      }
      if (best < 1e30) std::printf("  %.2f", best / r.seconds[p][0]);
      std::printf("\n");
    }
  }
  std::fflush(stdout);
}

nlohmann::ordered_json as_json(Isa isa, const std::vector<Row>& rows, double peak) {
  auto list = nlohmann::ordered_json::array();
  for (const Row& r : rows)
    for (std::size_t p = 0; p < passes.size(); ++p)
      for (std::size_t who = 0; who <= std::size(peers); ++who) {
        nlohmann::ordered_json entry{{"layer", r.name},
                                     {"isa", isa_name(isa)},
                                     {"pass", name_of(passes[p])},
                                     {"library", who == 0 ? "ours" : peers[who - 1].name}};
        const double seconds = r.seconds[p][who];
        entry["installed"] = seconds > 0;
        if (seconds > 0) {
          if (who > 0) entry["form"] = r.forms[p][who];
          entry["us"] = seconds * 1e6;
          entry["gflops"] = r.flops / seconds * 1e-9;
          entry["peak_gflops"] = peak;
          entry["of_peak"] = r.flops / seconds * 1e-9 / peak;
        }
        list.push_back(entry);
      }
  return list;
}

nlohmann::ordered_json run(Isa isa, const Flags& flags) {
  use_isa(isa);
  const std::string only = flags.text("only", "");
  const int rounds = std::max(1, flags.number("rounds", 15));
  double peak = measure_peak_gflops(1, false, isa);
  std::vector<Row> rows;
  for (const Case& c : all_cases()) {
    if (c.name().find(only) == std::string::npos) continue;
    rows.push_back(measure(isa, c, rounds, peak));
  }
  print(isa, rows, peak);
  return as_json(isa, rows, peak);
}

/// `run` in a process of its own: oneDNN and LIBXSMM choose their instruction set once. Returns its JSON.
std::string run_apart(Isa isa, const Flags& flags) {
  int ends[2];
  require(pipe(ends) == 0, "bench", "cannot open a pipe");
  std::fflush(nullptr);
  const pid_t child = fork();
  require(child >= 0, "bench", "cannot start a process");
  if (child == 0) {
    int status = 0;
    try {
      close(ends[0]);
      FILE* out = fdopen(ends[1], "w");
      const std::string text = run(isa, flags).dump();
      if (std::fwrite(text.data(), 1, text.size(), out) != text.size() || std::fclose(out) != 0) status = 1;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      status = 1;
    }
    std::fflush(nullptr);
    _exit(status);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  require(status == 0, "bench", "the run on ", isa_name(isa), " failed");
  return text;
}

void run_all(const Flags& flags) {
  const std::string wanted = flags.text("isa", ""), file = flags.text("json", "");
  auto all = nlohmann::ordered_json::array();
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (!isa_supported(isa) || (!wanted.empty() && wanted != isa_name(isa))) continue;
    for (const auto& entry : nlohmann::ordered_json::parse(run_apart(isa, flags))) all.push_back(entry);
  }
  if (!file.empty()) write_atomically(file, all.dump(1) + "\n");
}

}  // namespace
}  // namespace maml::bench

int main(int argc, char** argv) try {
  maml::bench::run_all(maml::bench::Flags(argc, argv, {"isa", "only", "rounds", "json"}));
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
