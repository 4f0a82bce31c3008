#include <iostream>
#include <memory>

#include "cli/common.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/train/options.h"

namespace maml::cli {

namespace {

int run() {
  const auto folders = preset_folders();
  const auto presets = list_presets(folders);
  require(!presets.empty(), "presets", "none were found in ", join(folders), " (set MAML_PRESETS to their folder)");
  Table table({"preset", "what it is", "published (step: value)"});
  for (const auto& found : presets) {
    std::string published;
    for (const auto& entry : preset(found.name, folders).about.published)
      published += (published.empty() ? "" : ", ") + std::to_string(entry.step) + ": " + plain_number(entry.value);
    table.add({found.name, found.title, published});
  }
  table.print(std::cout, "");
  std::cout << "\nmaml train NAME trains one, maml info NAME shows every key of it.\n";
  return 0;
}

}  // namespace

void add_presets(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand("presets", "Lists the experiments that come with the program");
  verb->footer("Example:\n  maml presets\n\nMAML_PRESETS names another folder of TOML files.");
  verb->callback([&chosen] { chosen = run; });
}

}  // namespace maml::cli
