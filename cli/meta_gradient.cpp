#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>

#include "cli/common.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/io/safetensors.h"
#include "maml/kernels/isa.h"
#include "maml/train/meta_gradient_file.h"

namespace maml::cli {

namespace {

struct Arguments {
  std::string what, parameters, tasks, out, algorithm;
  std::optional<int> steps;
  std::optional<double> alpha;
  bool in_double = false;
};

int run(const Arguments& a) {
  require(!a.what.empty(), "meta-gradient", "name a TOML file with a table [model], or a preset");
  require(!a.parameters.empty(), "meta-gradient", "--params is missing (a safetensors file of parameters)");
  require(!a.tasks.empty(), "meta-gradient",
          "--tasks is missing (a safetensors file with support.x, support.y, query.x, "
          "query.y)");
  require(!a.out.empty(), "meta-gradient", "--out is missing (where to write the result)");
  Options options = named_options(a.what);
  if (options.model.input.empty()) options = resolved(options);
  if (a.steps) options.inner.steps = *a.steps;
  if (!a.algorithm.empty()) options.outer.algorithm = a.algorithm;
  TensorFile parameters = read_safetensors(a.parameters);
  if (a.alpha) {
    require(*a.alpha > 0, "--alpha", "must be above 0");
    options.inner.alpha = RateTable(*a.alpha);
    std::erase_if(parameters.tensors, [](const Tensor& tensor) { return tensor.name.compare(0, 5, "alpha") == 0; });
  }
  const TensorFile result =
      meta_gradient(options, parameters, read_safetensors(a.tasks), a.in_double ? Precision::twice : Precision::single);
  write_safetensors(a.out, result);
  std::cout << a.out << ": loss of " << with_commas(result.at("loss").size()) << " tasks and "
            << result.tensors.size() - 1 << " gradients, " << options.outer.algorithm << ", " << options.inner.steps
            << " inner steps, " << (a.in_double ? "double" : "single") << " precision, " << isa_name(active_isa())
            << "\n";
  return 0;
}

constexpr auto examples = R"(Examples:
  maml meta-gradient model.toml --params p.safetensors --tasks t.safetensors --double --out g.safetensors
  maml meta-gradient model.toml --params p.safetensors --tasks t.safetensors --steps 5 --alpha 0.01 \
      --algorithm fomaml --out g.safetensors

Parameters have PyTorch's names and layouts: linear1.weight (out, in), conv1.weight (out, in, kh, kw);
maml info model.toml lists them. Tasks: support.x, support.y, query.x, query.y, T x N x ..; y holds int64 labels
(T x N) for cross_entropy, else floats; images are N, H, W, C. The result holds loss (T), gradient.NAME (mean over
the tasks), and gradient.alpha.NAME where inner rates are learned; alpha.NAME beside the parameters sets those.)";

}  // namespace

void add_meta_gradient(CLI::App& program, Chosen& chosen) {
  auto* verb =
      program.add_subcommand("meta-gradient", "Exact meta-gradient of given tasks, to compare with any framework");
  const auto a = std::make_shared<Arguments>();
  verb->add_option("what", a->what, "A TOML file with a table [model], or a preset")->type_name("MODEL.toml|PRESET");
  verb->add_option("--params", a->parameters, "The parameters")->type_name("P.safetensors");
  verb->add_option("--tasks", a->tasks, "The tasks (may be the same file)")->type_name("T.safetensors");
  verb->add_option("--out", a->out, "Where the result goes")->type_name("G.safetensors");
  verb->add_option("--steps", a->steps, "Inner steps [inner.steps]")->type_name("K");
  verb->add_option("--alpha", a->alpha, "Inner rate of all parameters [inner.alpha]")->type_name("A");
  verb->add_option("--algorithm", a->algorithm, "maml, fomaml, anil, .. [outer.algorithm]")->type_name("ALGORITHM");
  verb->add_flag("--double", a->in_double, "Computes in double precision");
  verb->footer(examples);
  verb->callback([a, &chosen] { chosen = [a] { return run(*a); }; });
}

}  // namespace maml::cli
