#include <algorithm>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include "cli/candidates.h"
#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/base/nearest.h"

// The program `maml`. Exit status: 0, 1 for a check that fails or an error nobody foresaw, 2 for a mistake of the
// user's or of the machine's that the message names, 130 after Ctrl-C.

namespace {

using namespace maml;

constexpr auto overview =
    R"(maml: learns initial parameters from which a model adapts to a new task in a few gradient steps

  maml train sinusoid-10shot       meta-train a preset, or a TOML file of your own
  maml eval runs/sinusoid-10shot   its error after 0, 1, .. 10 inner steps on new tasks
  maml plot runs/sinusoid-10shot   pictures of it
  maml adapt RUN --support DIR --query FILE   a few pictures of new classes in, predictions out
  maml adapt RUN --support mine.csv --out mine.safetensors   the same for rows of a table, and then
  maml predict mine.safetensors new.csv --out predictions.csv
  maml export RUN --format npz     its weights for other programs
  maml presets                     what there is to train
  maml data                        pictures and tables: fetch, import, info, show
  maml info | check | bench | meta-gradient | reproduce | completion | man | version

maml VERB --help explains a verb.
)";

/// One line whatever the message.
std::string on_one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

int complain(const std::string& message, int status) {
  std::cout.flush();
  std::cerr << "maml: " << on_one_line(message) << std::endl;
  return status;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<CLI::App*> verbs_of(CLI::App& app) {
  return app.get_subcommands([](CLI::App*) { return true; });
}

/// The verb that the command line names, perhaps one below another.
struct Verb {
  CLI::App* app;
  std::string name;  ///< `train`, `data import images`, or "" for the program itself
};

Verb find_verb(CLI::App& program, const std::vector<std::string>& words) {
  Verb verb{&program, ""};
  for (const auto& word : words) {
    const auto below = verbs_of(*verb.app);
    if (below.empty() || word.empty() || word[0] == '-') break;
    std::vector<std::string> names;
    names.reserve(below.size());
    for (const auto* app : below) names.push_back(app->get_name());
    const auto found = std::find(names.begin(), names.end(), word);
    if (found == names.end())
      fail(word, "unknown verb", did_you_mean(word, names), " (maml ", verb.name, verb.name.empty() ? "" : " ",
           "--help lists them)");
    verb = {below[static_cast<std::size_t>(found - names.begin())], verb.name + (verb.name.empty() ? "" : " ") + word};
  }
  return verb;
}

void let_extras_in(CLI::App& app) {
  for (auto* verb : verbs_of(app)) {
    if (verbs_of(*verb).empty()) verb->allow_extras();
    let_extras_in(*verb);
  }
}

/// Words that the verb has no use for.
void refuse_extras(const Verb& verb) {
  const auto extras = verb.app->remaining();
  const std::string help = " (maml " + verb.name + " --help lists what there is)";
  for (const auto& word : extras) {
    const std::string name = word.substr(0, word.find('='));
    if (name.size() > 1 && name[0] == '-')
      fail(verb.name, "unknown option ", name, did_you_mean(name, option_names(*verb.app)), help);
  }
  if (!extras.empty()) fail(verb.name, "does not know what to do with '", extras.front(), "'", help);
}

/// CLI11's complaint in our words.
std::string in_our_words(const CLI::ParseError& error) {
  std::string text = error.what();
  const std::string conversion = "Could not convert: ";
  const auto equals = text.find(" = ");
  if (text.compare(0, conversion.size(), conversion) == 0 && equals != std::string::npos)
    return text.substr(conversion.size(), equals - conversion.size()) + " cannot be '" + text.substr(equals + 3) + "'";
  const auto colon = text.find(": 1 required");
  if (colon != std::string::npos) return text.substr(0, colon) + " wants a value";
  return text;
}

int run(int argc, char** argv) {
  CLI::App program("Meta-learning: initial parameters from which a model adapts to a new task in a few gradient steps.",
                   "maml");
  program.require_subcommand(0, 1);
  program.get_formatter()->column_width(34);
  cli::Chosen chosen;
  for (const auto add :
       {cli::add_train, cli::add_eval, cli::add_adapt, cli::add_predict, cli::add_export, cli::add_plot, cli::add_data,
        cli::add_presets, cli::add_info, cli::add_check, cli::add_bench, cli::add_meta_gradient, cli::add_reproduce,
        cli::add_completion, cli::add_man, cli::add_version})
    add(program, chosen);
  program.footer("maml VERB --help explains a verb. The environment: MAML_PRESETS is the folder of the presets, "
                 "MAML_DATA\nthat of data files, MAML_ISA forces an instruction set (baseline, avx2, avx512).");
  let_extras_in(program);

  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) {
    std::cout << overview;
    return 0;
  }
  if (words.front() == "__complete") {  // a shell asks
    std::cout << cli::candidates(program, {words.begin() + 1, words.end()});
    return 0;
  }
  const Verb verb = find_verb(program, words);
  try {
    program.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return program.exit(help);
  } catch (const CLI::ParseError& error) {
    if (verb.name.empty()) fail(words.front(), "unknown option (maml --help lists the verbs)");
    fail(verb.name, in_our_words(error), " (maml ", verb.name, " --help lists what there is)");
  }
  if (!verbs_of(*verb.app).empty()) {
    const std::string whole = "maml " + verb.name;
    std::cout << verb.app->help(whole.substr(0, whole.rfind(" " + verb.app->get_name())));
    return 0;
  }
  refuse_extras(verb);
  const int status = chosen ? chosen() : 0;
  std::cout.flush();
  require(std::cout.good(), "stdout", "cannot be written (is its disk full?)");
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const maml::Error& error) {
    return complain(error.what(), 2);
  } catch (const std::bad_alloc&) {
    return complain("[memory] there is not enough (lower train.memory_mib, --threads or the sizes of the model)", 2);
  } catch (const std::exception& error) {
    return complain(std::string("[unexpected] ") + error.what() + " (please report it)", 1);
  } catch (...) {
    return complain("[unexpected] an unknown exception (please report it)", 1);
  }
}
