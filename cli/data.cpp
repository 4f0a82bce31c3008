#include "cli/data.h"

namespace maml::cli {

void add_data(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand(
      "data", "Imports pictures or tables into a pack, fetches Omniglot, shows what a pack holds");
  verb->require_subcommand(0, 1);
  add_data_import(*verb, chosen);
  add_data_fetch(*verb, chosen);
  add_data_info(*verb, chosen);
  add_data_show(*verb, chosen);
  verb->footer("Examples:\n"
               "  maml data fetch omniglot\n"
               "  maml data import omniglot images_background.zip images_evaluation.zip\n"
               "  maml data import images my-pictures --size 84x84\n"
               "  maml data import csv load.csv --task sensor --inputs hour,temperature --targets load\n"
               "  maml data show my-pictures.maml --out sheet.png\n\n"
               "maml data VERB --help explains a verb.");
}

}  // namespace maml::cli
