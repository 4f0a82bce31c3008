#include <iostream>
#include <memory>

#include "cli/common.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/io/tensor.h"
#include "maml/train/adapted_file.h"
#include "maml/train/checkpoint.h"
#include "maml/train/inner_loop.h"
#include "maml/train/run_folder.h"

namespace maml::cli {

namespace {

std::string rates_text(const RateLayout& layout, const std::vector<float>& rates, std::size_t slice) {
  if (!layout.mask()[slice]) return "";
  const auto [first, count] = layout.range(0, slice);
  return plain_number(static_cast<double>(rates[first])) + (count > 1 || layout.steps() > 1 ? " .." : "");
}

void print_model(const Model& model, const InnerOptions& inner) {
  Table layers({"layer", "kind", "output", "parameters", "products a row"});
  for (std::size_t i = 0; i < model.layer_count(); ++i) {
    const auto& info = model.layer(i).info();
    std::size_t count = 0;
    for (const auto& parameter : info.parameters) count += parameter.size;
    layers.add({model.layer_name(i), info.kind, to_string(info.output), count ? with_commas(count) : "",
                info.products_per_row > 0 ? with_commas(static_cast<std::size_t>(info.products_per_row)) : ""});
  }
  std::cout << "Input " << to_string(model.input()) << ", loss " << model.loss().name() << ", "
            << with_commas(model.parameters()) << " parameters\n\n";
  layers.print(std::cout);

  const InnerLoop<float> loop(model, inner);
  const auto theta = model.initial<float>(0);
  const auto tensors = model.to_border<float>(theta.data());
  Table parameters({"parameter", "shape", "elements", "inner loop", "alpha"});
  for (std::size_t i = 0; i < tensors.size(); ++i)
    parameters.add({tensors[i].name, shape_text(tensors[i].shape), with_commas(tensors[i].values.size()),
                    loop.layout().mask()[i] ? "adapted" : "frozen",
                    rates_text(loop.layout(), loop.initial_rates(), i)});
  std::cout << "\n";
  parameters.print(std::cout);
  for (const auto& slice : model.state_slices())
    std::cout << "  state." << slice.name << " [" << slice.size << "]: running statistics\n";
}

void print_adapted(const std::string& path) {
  const LoadedAdapted was = read_adapted(path);
  print_model(*was.loaded.model, was.loaded.options.inner);
  const auto statistics = was.adapted.statistics();
  std::cout << "\nAdapted" << (was.classes.empty() ? "" : " to " + join(was.classes)) << ": " << was.adapted.steps()
            << " inner steps" << (statistics ? ", statistics " + to_string(*statistics) : "") << " (" << was.loaded.isa
            << ")\n";
  if (const auto licence = licence_of(was.loaded.options.data); !licence.empty()) std::cout << licence << "\n";
  std::cout << "\n" << to_toml(was.loaded.options);
}

int run(const std::string& what) {
  require(!what.empty(), "info", "name a preset, a TOML file, the folder of a run or an adapted model");
  if (is_adapted_file(what)) {
    print_adapted(what);
    return 0;
  }
  const Options given = named_options(what);
  if (!given.about.title.empty()) std::cout << given.about.title << "\n";
  if (!given.about.source.empty()) std::cout << given.about.source << "\n";
  Options options = given;
  std::string reason;
  try {
    options = resolved(given);
    (void)Experiment(options);
  } catch (const Error& error) {
    if (options.model.input.empty()) throw;
    reason = error.what();  // a model may be looked at without tasks to train it on
  }
  print_model(Model(options.model), options.inner);
  if (is_run_folder(what)) {
    const LoadedRun loaded = load_run(what, Which::latest);
    std::cout << "\nTrained for " << with_commas(static_cast<std::size_t>(loaded.iteration)) << " of "
              << with_commas(static_cast<std::size_t>(options.train.iterations)) << " iterations (" << loaded.isa
              << ")\n";
  }
  if (!reason.empty()) std::cout << "\nCannot be trained as it is: " << reason << "\n";
  std::cout << "\n" << to_toml(options);
  return 0;
}

}  // namespace

void add_info(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand("info", "Shows layers, shapes, parameters and every key of a config");
  const auto what = std::make_shared<std::string>();
  verb->add_option("what", *what, "A preset, a TOML file, the folder of a run, or a file of maml adapt --out")
      ->type_name("MODEL.toml|RUN|PRESET|FILE.safetensors");
  verb->footer("Examples:\n  maml info sinusoid-10shot\n  maml info runs/a\n  maml info my.toml\n"
               "  maml info birds.safetensors\n\n"
               "The config it ends with is complete and can be saved as a start of your own:\n"
               "  maml info sinusoid-10shot | sed -n '/^\\[about\\]/,$p' > my.toml");
  verb->callback([what, &chosen] { chosen = [what] { return run(*what); }; });
}

}  // namespace maml::cli
