#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/common.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/kernels/isa.h"
#include "maml/nn/check_model.h"

namespace maml::cli {

namespace {

int run(const std::string& what, std::uint64_t seed) {
  require(!what.empty(), "check", "name a preset or a TOML file with a table [model]");
  const Options given = named_options(what);
  const Model model(given.model.input.empty() ? resolved(given).model : given.model);
  CheckOptions options;
  options.seed = seed;
  const auto residuals = check_model(model, options);
  std::cout << "Derivatives of " << short_name(what) << " (" << with_commas(model.parameters())
            << " parameters) in double precision on " << isa_name(active_isa())
            << ",\nrelative to the norm of the whole vector:\n\n";
  Table table({"identity", "residual", "bound", ""});
  for (const auto& residual : residuals)
    table.add(
        {residual.what, scientific(residual.value), scientific(residual.bound), residual.passed() ? "holds" : "FAILS"});
  table.print(std::cout);
  const auto failed = std::count_if(residuals.begin(), residuals.end(), [](const auto& r) { return !r.passed(); });
  std::cout << "\n"
            << residuals.size() - static_cast<std::size_t>(failed) << " of " << residuals.size() << " hold on "
            << isa_name(active_isa()) << "\n";
  return failed ? 1 : 0;
}

}  // namespace

void add_check(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand("check", "Checks that the derivatives of a model are exact");
  const auto what = std::make_shared<std::string>();
  const auto seed = std::make_shared<std::uint64_t>(1);
  verb->add_option("what", *what, "A preset, or a TOML file with a table [model]")->type_name("MODEL.toml|PRESET");
  verb->add_option("--seed", *seed, "Of the random data, masks and rates")->type_name("N")->capture_default_str();
  verb->footer("Examples:\n  maml check sinusoid-10shot\n  maml check my.toml\n\n"
               "Gradient, Hessian-vector product and the whole meta-gradient are held against complex step,\n"
               "with random masks and rates. The exit status is 1 if one does not hold.");
  verb->callback([what, seed, &chosen] { chosen = [what, seed] { return run(*what, *seed); }; });
}

}  // namespace maml::cli
