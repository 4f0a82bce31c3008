#include "maml/images/import.h"

#include <charconv>
#include <iostream>
#include <memory>

#include "cli/common.h"
#include "cli/data.h"
#include "cli/interrupt.h"
#include "cli/progress_bar.h"
#include "cli/text.h"
#include "maml/base/error.h"
#include "maml/base/nearest.h"

namespace maml::cli {

namespace {

using Import = ImportSummary (*)(const ImportOptions&, const ImportCallbacks&);

struct Arguments {
  ImportOptions options;
  std::string filter, size, on_broken = "fail";
  bool grey = false, colour = false, quiet = false;
};

std::size_t parse_extent(const std::string& text, const std::string& whole) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(error == std::errc() && end == text.data() + text.size() && value >= 1 && value <= 4096, "--size",
          "cannot be '", whole, "' (write HxW, as 84x84, or one number for both, at most 4096)");
  return value;
}

/// `data/pictures.tar.gz` -> `pictures.maml`.
std::string default_out(const std::string& input) {
  const std::string name = short_name(input);
  for (const std::string end : {".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst"})
    if (name.size() > end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0)
      return name.substr(0, name.size() - end.size()) + ".maml";
  return (name.empty() ? "images" : name) + ".maml";
}

ImportOptions options_of(const Arguments& a, const char* out) {
  ImportOptions options = a.options;
  if (!a.filter.empty()) options.filter = filter_named(a.filter);
  if (!a.size.empty()) {
    const auto x = a.size.find('x');
    options.height = parse_extent(a.size.substr(0, x), a.size);
    options.width = x == a.size.npos ? options.height : parse_extent(a.size.substr(x + 1), a.size);
  }
  require(!a.grey || !a.colour, "import", "takes --grey or --colour, not both");
  if (a.grey) options.colours = Colours::grey;
  if (a.colour) options.colours = Colours::colour;
  require(a.on_broken == "fail" || a.on_broken == "skip", "--on-broken", "cannot be '", a.on_broken,
          "' (write fail or skip)");
  options.on_broken = a.on_broken == "skip" ? OnBroken::skip : OnBroken::fail;
  if (options.out.empty() && !options.inputs.empty())
    options.out = out[0] != '\0' ? out : default_out(options.inputs.front());
  return options;
}

int run(const Arguments& a, Import import, const char* out) {
  const ImportOptions options = options_of(a, out);
  const InterruptGuard guard;
  ImportSummary summary;
  {
    ProgressBar bar("importing");
    ImportCallbacks callbacks;
    if (!a.quiet) callbacks.progress = [&](std::size_t done, std::size_t all) { bar.update(done, all); };
    callbacks.notice = [&](const std::string& text) { bar.notice("skipped: " + text); };
    callbacks.stop = InterruptGuard::asked_to_stop;
    summary = import(options, callbacks);
  }
  if (summary.stopped) {
    std::cerr << "maml: stopped, nothing was written\n";
    return 130;
  }
  if (a.quiet) return 0;
  print_pack(options.out, summary.index);
  if (summary.broken > 0) std::cout << with_commas(summary.broken) << " broken pictures were skipped\n";
  if (summary.left_out > 0)
    std::cout << with_commas(summary.left_out) << " files that are neither PNG nor JPEG were left out\n";
  return 0;
}

/// What every kind of import takes.
std::shared_ptr<Arguments> add_kind(CLI::App& import, Chosen& chosen, const char* name, const char* help,
                                    const char* input, Import function, const char* out) {
  auto* verb = import.add_subcommand(name, help);
  auto a = std::make_shared<Arguments>();
  verb->add_option("inputs", a->options.inputs, "Archives, or folders of what they hold")->type_name(input);
  verb->add_option("--out", a->options.out, std::string("The pack to write [") + (out[0] ? out : "NAME.maml") + "]")
      ->type_name("FILE.maml");
  verb->add_flag("--overwrite", a->options.overwrite, "Replaces the pack if it exists");
  verb->add_option("--on-broken", a->on_broken, "What to do about a picture that cannot be read")
      ->type_name("fail|skip")
      ->capture_default_str();
  verb->add_flag("--quiet", a->quiet, "Prints errors and skipped pictures only");
  verb->callback([a, function, out, &chosen] { chosen = [a, function, out] { return run(*a, function, out); }; });
  return a;
}

void add_size(CLI::App& verb, Arguments& a, const char* usual_size, const char* usual_filter) {
  verb.add_option("--size", a.size, std::string("Extents, height first [") + usual_size + "]")->type_name("HxW");
  verb.add_option("--filter", a.filter, std::string("How they are resized [") + usual_filter + "]")
      ->type_name(join(filter_names(), "|"));
}

void add_split(CLI::App& verb, Arguments& a, const char* help, const char* type) {
  verb.add_option("--split", a.options.split, help)->type_name(type);
  verb.add_option("--split-seed", a.options.split_seed, "Of the shuffle before classes are dealt to the splits")
      ->type_name("N")
      ->capture_default_str();
}

}  // namespace

void add_data_import(CLI::App& data, Chosen& chosen) {
  auto* import =
      data.add_subcommand("import", "Packs pictures or tables into one file: omniglot, mini-imagenet, or your own");
  import->require_subcommand(0, 1);
  import->footer("maml data import KIND --help explains a kind.");

  auto omniglot = add_kind(*import, chosen, "omniglot", "Characters of 50 alphabets (maml data fetch omniglot)",
                           "ZIP..", import_omniglot, "omniglot.maml");
  auto* verb = import->get_subcommand("omniglot");
  add_size(*verb, *omniglot, "28x28", "nearest");
  add_split(*verb, *omniglot,
            "Characters for train/validation/test, or train/test; or background/evaluation: by archive [1100/100/423]",
            "A/B/C");
  verb->footer("Examples:\n  maml data import omniglot images_background.zip images_evaluation.zip\n"
               "  maml data import omniglot *.zip --split 1200/423 --out omniglot-1200.maml\n\n"
               "As the original code: 28 x 28 by nearest neighbour, inverted so that ink is 255. Another --filter\n"
               "turns them grey first.");

  add_kind(*import, chosen, "mini-imagenet", "100 classes of photographs, in three archives",
           "TRAIN.zip VAL.zip TEST.zip", import_mini_imagenet, "mini-imagenet.maml");
  import->get_subcommand("mini-imagenet")
      ->footer("Example:\n  maml data import mini-imagenet train.zip val.zip test.zip\n\n"
               "A folder per class with its JPEGs of 84 x 84, which are kept as they are.");

  auto images = add_kind(*import, chosen, "images", "Pictures of your own: a folder per class, PNG and JPEG",
                         "DIR|ZIP|TAR", import_images, "");
  verb = import->get_subcommand("images");
  add_size(*verb, *images, "as they are, if all agree", "lanczos");
  verb->add_flag("--grey", images->grey, "One channel");
  verb->add_flag("--colour,--color", images->colour, "Three channels");
  add_split(*verb, *images,
            "64%/16%/20% or 10/3/4: classes for train/validation/test; folders: by train, val, test at the top; FILE: "
            "by lines class,split [folders if there are, else 64%/16%/20%]",
            "HOW");
  verb->footer("Examples:\n  maml data import images leaves/ --size 84x84\n"
               "  maml data import images leaves.zip --size 28 --grey --split leaves.csv\n"
               "  maml data import images leaves.tar.gz --split 40/10/20 --split-seed 1 --on-broken skip\n\n"
               "docs/bring-your-data.md says how the folders may lie.");
  add_data_import_tasks(*import, chosen);
}

}  // namespace maml::cli
