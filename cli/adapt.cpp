#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "cli/adapt_report.h"
#include "cli/adapt_table.h"
#include "cli/common.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/images/class_folders.h"
#include "maml/images/preparation.h"
#include "maml/tasks/images.h"
#include "maml/train/adapt.h"
#include "maml/train/adapted_file.h"
#include "maml/train/run_folder.h"

namespace maml::cli {

namespace {

namespace fs = std::filesystem;

/// Pictures that are in memory at once.
constexpr std::size_t queries_at_once = 256;

struct Arguments {
  std::string model, support, out, picture, where, separator;
  std::vector<std::string> query, set;
  std::optional<int> steps;
  bool overwrite = false, json = false;
};

void check(const Arguments& a) {
  require(!a.model.empty(), "adapt", "name the folder of a run (maml adapt runs/NAME --support DIR --query FILE)");
  require(!a.query.empty() || !a.out.empty(), "adapt",
          "--query is missing (pictures, or folders of them; or CSV files)");
  require(!a.steps || *a.steps >= 0, "--steps", "is ", a.steps.value_or(0), ", but must be 0 or above");
  require(a.out.empty() || names_adapted(a.out), a.out,
          "could not be read again (call what --out writes something.safetensors)");
  if (!a.out.empty()) require_free(a.out, "--out", a.overwrite);
  if (!a.picture.empty())
    for (const auto* end : {".png", ".svg"}) require_free(a.picture + end, "--picture", a.overwrite);
}

LoadedModel load(const Arguments& a) {
  LoadedModel loaded = load_run(a.model);
  for (const auto& assignment : a.set) {
    require(assignment.starts_with("data.preparation="), "--set",
            "changes data.preparation alone here, the rest is the model's own");
    set_option(loaded.options, assignment);
  }
  return loaded;
}

/// Makes inputs of pictures as the model's own were made.
class Preparer {
public:
  Preparer(const std::string& name, const LoadedModel& loaded) : shape_(loaded.model->input()) {
    const Model& model = *loaded.model;
    require(model.loss().name() == "cross_entropy" && shape_.is_image() &&
                (shape_.channels() == 1 || shape_.channels() == 3),
            name, "is no classifier of pictures: its inputs are ", to_string(shape_), ", its loss is ",
            model.loss().name());
    const std::string& text = loaded.options.data.preparation;
    require(!text.empty(), name, "does not say how its pictures were prepared, since an earlier maml trained it ",
            "(add --set data.preparation=lanczos; for Omniglot --set data.preparation=\"nearest inverted\")");
    how_ = parse_preparation(text, "data.preparation");
  }

  Image operator()(const std::string& path) const { return prepared(read_picture(path), how_, shape_); }

  /// Appends a row.
  static void append(const Image& image, std::vector<float>& x) {
    for (const auto value : image.pixels) x.push_back(pixel_input<float>(value));
  }

private:
  Shape shape_;
  Preparation how_;
};

/// Adapts to the pictures in the folders of --support; the report and the pictures to show get what they hold.
AdaptedModel adapt_to_folders(const Arguments& a, const LoadedModel& loaded, const Preparer& prepare,
                              AdaptReport& report, ShownPictures& shown) {
  require(!a.support.empty(), "adapt", "--support is missing (a folder with a folder of pictures for each class)");
  const ClassFolders found = find_classes(a.support);
  const std::size_t outputs = loaded.model->output().size();
  require(found.classes.size() <= outputs, a.support, "has ", found.classes.size(), " classes, but the model tells ",
          outputs, " apart (take some away, or train one with data.ways=", found.classes.size(), ")");
  report.classes = found.classes;
  report.support.resize(found.classes.size());
  shown.support.resize(found.classes.size());
  SupportSet support;
  for (const auto& [path, label] : found.pictures) {
    const Image image = prepare(path);
    Preparer::append(image, support.x);
    support.y.push_back(static_cast<float>(label));
    ++report.support[label];
    if (shown.support[label].size() < most_shown_support) shown.support[label].push_back(image);
  }
  return adapt(loaded, std::move(support), {.steps = a.steps, .budget = loaded.options.train.memory_mib << 20});
}

/// The pictures of --query; those in a folder that is called like a class are known to be of it.
std::vector<Query> find_queries(const std::vector<std::string>& given, const std::vector<std::string>& classes) {
  std::vector<Query> queries;
  for (const auto& path : given)
    for (const auto& file : find_pictures(path)) {
      Query query{file};
      const auto within = fs::path(file).lexically_relative(path);
      const auto of_class = std::find(classes.begin(), classes.end(), within.begin()->string());
      if (within.has_parent_path() && of_class != classes.end())
        query.truth = static_cast<std::size_t>(of_class - classes.begin());
      queries.push_back(std::move(query));
    }
  return queries;
}

void predict(const AdaptedModel& adapted, const Preparer& prepare, std::vector<Query>& queries, ShownPictures& shown) {
  for (std::size_t first = 0; first < queries.size(); first += queries_at_once) {
    const std::size_t count = std::min(queries_at_once, queries.size() - first);
    std::vector<float> x;
    for (std::size_t i = first; i < first + count; ++i) {
      const Image image = prepare(queries[i].file);
      Preparer::append(image, x);
      if (shown.queries.size() < most_shown_queries) shown.queries.push_back(image);
    }
    const auto probabilities = adapted.probabilities(x);
    auto next = probabilities.begin();
    for (std::size_t i = first; i < first + count; ++i) {
      const auto end = next + static_cast<std::ptrdiff_t>(adapted.classes());
      queries[i].probabilities.assign(next, end);
      next = end;
    }
  }
}

/// An adapted model with all that answering takes.
struct Ready {
  const LoadedModel& loaded;
  const AdaptedModel& adapted;
  const Preparer& prepare;
  AdaptReport report;   ///< classes and support are filled in
  ShownPictures shown;  ///< support is filled in
};

/// Predicts, then writes the model, then prints; the picture last, for want of gnuplot hides nothing else.
void answer(const Arguments& a, Ready ready) {
  const AdaptedModel& adapted = ready.adapted;
  AdaptReport& report = ready.report;
  report.model = a.model;
  report.steps = adapted.steps();
  report.statistics = adapted.statistics() ? to_string(*adapted.statistics()) : "";
  report.queries = find_queries(a.query, report.classes);
  predict(adapted, ready.prepare, report.queries, ready.shown);
  if (!a.out.empty()) write_adapted(a.out, ready.loaded, adapted, report.classes);
  if (a.json)
    std::cout << to_json(report);
  else
    print(report);
  if (!a.out.empty() && !a.json) std::cout << "\nThe adapted model is in " << a.out << "\n";
  if (a.picture.empty()) return;
  std::cout.flush();
  draw(report, ready.shown, a.picture);
  if (!a.json) std::cout << "\nPictures of it: " << a.picture << ".png, .svg\n";
}

int run_on_tables(const Arguments& a) {
  require(a.picture.empty() && a.set.empty(), a.model, "learned from tables, which --picture and --set are not for");
  TableArguments table{a.model, a.support, a.out, a.where, ",", a.query, a.steps, a.json};
  if (!a.separator.empty()) table.separator = a.separator;
  return adapt_table(table);
}

int run(Arguments a) {
  // PATH.png means the same as PATH: both kinds are written.
  const std::string end = fs::path(a.picture).extension().string();
  if (end == ".png" || end == ".svg") a.picture.resize(a.picture.size() - end.size());
  check(a);
  a.model = model_in(a.model);
  if (is_of_tables(a.model)) return run_on_tables(a);
  require(a.where.empty() && a.separator.empty(), a.model,
          "did not learn from tables, which --where and --separator are for");
  AdaptReport report;
  ShownPictures shown;
  if (is_adapted_file(a.model)) {
    require(a.support.empty() && !a.steps && a.set.empty() && a.out.empty(), a.model,
            "is adapted already: it takes --query alone (to adapt anew, name the run)");
    const LoadedAdapted was = read_adapted(a.model);
    const Preparer prepare(a.model, was.loaded);
    report.classes = was.classes;
    answer(a, {was.loaded, was.adapted, prepare, std::move(report), std::move(shown)});
    return 0;
  }
  const LoadedModel loaded = load(a);
  const Preparer prepare(a.model, loaded);
  const AdaptedModel adapted = adapt_to_folders(a, loaded, prepare, report, shown);
  answer(a, {loaded, adapted, prepare, std::move(report), std::move(shown)});
  return 0;
}

constexpr auto examples = R"(Examples:
  maml adapt runs/omniglot-5way-1shot --support letters/ --query unknown.png
  maml adapt zoo/mini-imagenet-5way-5shot --support birds/ --query new/ --steps 10 --json
  maml adapt runs/a --support birds/ --query test/ --picture birds --out birds.safetensors
  maml adapt birds.safetensors --query another.jpg
  maml adapt runs/sensors --support mine.csv --query test.csv --out mine.safetensors

--support holds a folder of pictures (PNG, JPEG) for each class; classes may have different numbers of them. A
folder of --query is searched at any depth; pictures in its sub-folders that are called like a class are known to
be of it, and the accuracy on them is told. Pictures are prepared as those were that the model learned from: grey
or in colour, size, ink. A model of W outputs takes 2 to W classes; where there are fewer than W, probabilities are
those of the outputs in use, and add up to 1. No prediction depends on which other pictures are asked about.

A model that learned from tables takes CSV files in their place, rows of one task, with the columns that it learned
from, found by their names; errors are told in the targets' own units. maml predict then predicts rows without targets.

--out keeps the adapted model: parameters under PyTorch's names, and all that predicting again takes.
docs/bring-your-data.md has more.)";

}  // namespace

void add_adapt(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand(
      "adapt", "Adapts a trained model to a few pictures of new classes, or rows of a table, and predicts");
  const auto a = std::make_shared<Arguments>();
  verb->add_option("model", a->model, "The folder of a run, or a file that --out wrote")
      ->type_name("RUN|FILE.safetensors");
  verb->add_option("--support", a->support,
                   "What to adapt to: a folder with a folder of pictures for each class; a table")
      ->type_name("DIR|FILE.csv");
  verb->add_option("--query", a->query,
                   "What to predict: pictures, or folders of them; tables with targets, to be judged")
      ->type_name("DIR|FILE..");
  verb->add_option("--steps", a->steps, "Inner steps [those of training]")->type_name("N");
  verb->add_flag("--json", a->json, "Prints one JSON object, with the probabilities of all classes");
  verb->add_option("--out", a->out, "Keeps the adapted model")->type_name("FILE.safetensors");
  verb->add_option("--picture", a->picture, "Draws support and queries into PATH.png and PATH.svg (needs gnuplot)")
      ->type_name("PATH");
  verb->add_option("--where", a->where, "Tables: only rows whose cell in a column is a text")
      ->type_name("COLUMN=VALUE");
  verb->add_option("--separator", a->separator, "Tables: what is between cells, one character or tab [,]")
      ->type_name("C");
  verb->add_flag("--overwrite", a->overwrite, "Replaces what --out and --picture name if it exists");
  verb->add_option("--set", a->set, "For a model that does not say how its pictures were prepared")
      ->type_name("data.preparation=HOW")
      ->allow_extra_args(false);
  verb->footer(examples);
  verb->callback([a, &chosen] { chosen = [a] { return run(*a); }; });
}

}  // namespace maml::cli
