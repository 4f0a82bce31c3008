#include <array>
#include <filesystem>
#include <iostream>
#include <memory>

#include "cli/common.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/export/embed.h"
#include "maml/export/npz.h"
#include "maml/export/onnx.h"
#include "maml/io/atomic_file.h"
#include "maml/io/safetensors.h"
#include "maml/train/adapted_file.h"
#include "maml/train/checkpoint.h"
#include "maml/train/run_folder.h"
#include "maml/train/tensorboard.h"

namespace maml::cli {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string model, format, out;
  bool overwrite = false;
};

/// A run with its best weights, or an adapted model.
struct Source {
  LoadedModel loaded;
  AdaptedModel model;  ///< the adapted one; of a run the trained one, as it is
  TensorFile tensors;  ///< of its weights, with the metadata that say what they are
};

Source read_source(const std::string& name) {
  if (is_adapted_file(name)) {
    TensorFile file = read_checked(name);
    LoadedAdapted was = to_adapted(file);
    return {std::move(was.loaded), std::move(was.adapted), std::move(file)};
  }
  LoadedModel run = load_run(name);
  TensorFile file = to_tensors(*run.model, run.options, run.weights);
  file.metadata = {{"config", to_toml(run.options)}, {"iteration", std::to_string(run.iteration)}};
  if (const auto licence = licence_of(run.options.data); !licence.empty()) file.metadata["licence"] = licence;
  AdaptedModel as_it_is = unadapted(run);
  return {std::move(run), std::move(as_it_is), std::move(file)};
}

/// A notice of what the model file of a table leaves to the program that uses it. name: what the model came from.
void say_what_is_left(const std::string& name, const DataOptions& data) {
  if (data.columns.empty()) return;
  std::cerr << "maml: the model takes and gives standardised values: data.means and data.deviations, which `maml info "
            << name << "` shows, say of what (docs/embedding.md)\n";
}

void export_embed(const Arguments& a) {
  if (is_adapted_file(a.model)) {
    const LoadedAdapted was = read_adapted(a.model);
    write_embed(a.out, was.loaded, was.adapted);
    say_what_is_left(a.model, was.loaded.options.data);
    return;
  }
  const LoadedRun run = load_run(a.model);
  write_embed(a.out, run);
  say_what_is_left(a.model, run.options.data);
}

void export_npz(const Arguments& a) {
  write_npz(a.out, read_source(a.model).tensors);
}

void export_onnx(const Arguments& a) {
  const Source source = read_source(a.model);
  auto metadata = source.tensors.metadata;
  metadata.erase("format");  // that of the file it comes from
  write_onnx(a.out, source.loaded, source.model, metadata);
}

void export_safetensors(const Arguments& a) {
  write_checked(a.out, read_source(a.model).tensors);
}

void export_tensorboard(const Arguments& a) {
  require(!is_adapted_file(a.model), a.model, "is an adapted model, which has no logs (name the folder of a run)");
  write_atomically(a.out, event_file_of(RunFolder::open(a.model)));
}

/// What --format takes. write: makes a.out of a.model, whole or not at all; throws Error with the reason.
struct Format {
  const char* name;
  const char* extension;
  void (*write)(const Arguments&);
};
constexpr std::array formats = {Format{"embed", ".maml-adapt", export_embed}, Format{"npz", ".npz", export_npz},
                                Format{"onnx", ".onnx", export_onnx},
                                Format{"safetensors", ".safetensors", export_safetensors},
                                Format{"tensorboard", ".tfevents", export_tensorboard}};

const Format& format_named(const std::string& name) {
  std::vector<std::string> names;
  names.reserve(formats.size());
  for (const auto& format : formats) {
    if (format.name == name) return format;
    names.emplace_back(format.name);
  }
  require(!name.empty(), "--format", "is missing (one of ", join(names), ")");
  fail("--format", "does not know '", name, "'", did_you_mean(name, names), " (one of ", join(names), ")");
}

int run(Arguments a) {
  require(!a.model.empty(), "export", "name the folder of a run, or an adapted model (maml export RUN --format npz)");
  const Format& format = format_named(a.format);
  if (a.out.empty()) {
    const std::string name = is_adapted_file(a.model) ? fs::path(a.model).stem().string() : short_name(a.model);
    a.out = name + format.extension;
  }
  a.model = model_in(a.model);
  std::error_code unreadable;
  const bool is_itself = fs::equivalent(a.out, a.model, unreadable);
  require(!is_itself, a.out, "is what is to be exported (choose another --out)");
  require_free(a.out, "--out", a.overwrite);
  format.write(a);
  std::cout << "Written: " << a.out << "\n";
  return 0;
}

constexpr auto examples = R"(Examples:
  maml export runs/sinusoid-10shot --format npz            sinusoid-10shot.npz in this folder
  maml export zoo/omniglot-5way-1shot --format safetensors --out omniglot.safetensors
  maml export birds.safetensors --format npz               an adapted model, its support set included where it
                                                           needs one to predict
  maml export birds.safetensors --format onnx              the same as a network that onnxruntime runs: pictures in,
                                                           the probabilities that maml adapt gives out
  mkdir -p logs/sinusoid
  maml export runs/sinusoid-10shot --format tensorboard --out logs/sinusoid/events.tfevents
                                                           not its weights but its logs, evaluations and plots, for
                                                           tensorboard --logdir logs, which shows a run a folder
  maml export runs/sinusoid-10shot --format embed          sinusoid-10shot.maml-adapt, a model for the small library
                                                           maml_adapt (docs/embedding.md)

The weights are those of the best validation, under PyTorch's names and in its layouts: convolutions (out, in, kh, kw),
linear (out, in), one after a flatten with its inputs by C, H, W. Learned rates are alpha.NAME, running statistics
state.NAME. Beside them: the config, and the terms of the data where there are any.)";

}  // namespace

void add_export(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand(
      "export", "Writes a run's or an adapted model's weights, or a run's logs, for other programs");
  const auto a = std::make_shared<Arguments>();
  verb->add_option("model", a->model, "The folder of a run, or a file that maml adapt --out wrote")
      ->type_name("RUN|FILE.safetensors");
  std::string names;
  for (const auto& format : formats) names += (names.empty() ? "" : "|") + std::string(format.name);
  verb->add_option("--format", a->format, "What the file is to be")->type_name(names);
  verb->add_option("--out", a->out, "The file [NAME.FORMAT in this folder]")->type_name("FILE");
  verb->add_flag("--overwrite", a->overwrite, "Replaces --out if it exists");
  verb->footer(examples);
  verb->callback([a, &chosen] { chosen = [a] { return run(*a); }; });
}

}  // namespace maml::cli
