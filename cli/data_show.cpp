#include <array>
#include <iostream>
#include <memory>
#include <set>

#include "cli/data.h"
#include "cli/text.h"
#include "maml/base/error.h"
#include "maml/images/sheet.h"
#include "maml/io/atomic_file.h"
#include "maml/io/image_pack.h"

namespace maml::cli {

namespace {

int info(const std::string& path) {
  require(!path.empty(), "data info", "name a pack");
  if (may_be_task_pack(path)) {
    print_pack(path, read_task_pack(path));
    std::cout << "It agrees with its checksum\n";
    return 0;
  }
  const auto pack = ImagePack::open(path);
  pack->verify();
  print_pack(path, pack->index());
  std::cout << "All images agree with their checksums\n";
  return 0;
}

struct ShowArguments {
  std::string path, out = "sheet.png", split;
  SheetOptions sheet;
};

int show(const ShowArguments& a) {
  require(!a.path.empty(), "data show", "name a pack");
  SheetOptions options = a.sheet;
  if (!a.split.empty()) {
    options.split = split_named(a.split);
    require(options.split.has_value(), "--split", "cannot be '", a.split, "' (write train, validation or test)");
  }
  if (may_be_task_pack(a.path)) {
    print_tasks(read_task_pack(a.path), options.split, options.classes);
    return 0;
  }
  const auto pack = ImagePack::open(a.path);
  const Sheet sheet = draw_sheet(*pack, options);
  write_atomically(a.out, std::span<const std::byte>(sheet.png));
  Table table({"row", "class", "split", "images"});
  for (std::size_t row = 0; row < sheet.classes.size(); ++row) {
    const auto& one = pack->classes()[sheet.classes[row]];
    table.add({std::to_string(row + 1), one.name, to_string(one.split), with_commas(one.count)});
  }
  table.print(std::cout, "");
  std::cout << "\nThe first " << sheet.columns << " images of each are in " << a.out << "\n";
  return 0;
}

}  // namespace

void print_pack(const std::string& path, const PackIndex& index) {
  std::cout << path << ": " << with_commas(index.images()) << " images of " << index.height << " x " << index.width
            << " x " << index.channels << " in " << with_commas(index.classes.size()) << " classes\n"
            << index.about << "\nPrepared: " << (index.preparation.empty() ? "not known" : index.preparation) << "\n\n";
  Table table({"split", "classes", "groups", "images", "in a class"});
  for (const Split split : all_splits) {
    std::size_t classes = 0, images = 0, least = 0, most = 0;
    std::set<std::string> groups;
    for (const auto& one : index.classes) {
      if (one.split != split) continue;
      least = classes == 0 ? one.count : std::min<std::size_t>(least, one.count);
      most = std::max<std::size_t>(most, one.count);
      ++classes;
      images += one.count;
      if (!one.group.empty()) groups.insert(one.group);
    }
    table.add({to_string(split), with_commas(classes), with_commas(groups.size()), with_commas(images),
               least == most ? with_commas(most) : with_commas(least) + " to " + with_commas(most)});
  }
  table.print(std::cout);
}

void add_data_info(CLI::App& data, Chosen& chosen) {
  auto* verb = data.add_subcommand("info", "What a pack holds; verifies every checksum");
  const auto path = std::make_shared<std::string>();
  verb->add_option("pack", *path, "A pack that maml data import wrote")->type_name("FILE.maml|FILE.safetensors");
  verb->footer("Example:\n  maml data info omniglot.maml");
  verb->callback([path, &chosen] { chosen = [path] { return info(*path); }; });
}

void add_data_show(CLI::App& data, Chosen& chosen) {
  auto* verb = data.add_subcommand(
      "show", "Draws a contact sheet of a pack, a row of images for each class; or lists the tasks of tables");
  const auto a = std::make_shared<ShowArguments>();
  verb->add_option("pack", a->path, "A pack that maml data import wrote")->type_name("FILE.maml");
  verb->add_option("--out", a->out, "The picture")->type_name("FILE.png")->capture_default_str();
  verb->add_option("--split", a->split, "Classes of one split only [all]")->type_name("train|validation|test");
  verb->add_option("--classes", a->sheet.classes, "How many (or how many tasks), spread evenly over all")
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--images", a->sheet.images, "Of each class, at most")->type_name("N")->capture_default_str();
  verb->footer(
      "Examples:\n  maml data show omniglot.maml\n  maml data show my.maml --split test --classes 5 --out t.png");
  verb->callback([a, &chosen] { chosen = [a] { return show(*a); }; });
}

}  // namespace maml::cli
