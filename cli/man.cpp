#include <cstdint>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "cli/option_table.h"
#include "cli/verbs.h"
#include "maml/train/options.h"

// The man page, in the macros of man(7): every verb with its options and help, every key of the config.

namespace maml::cli {

namespace {

/// A code point of UTF-8 text from `at`, which moves behind it. The text is this program's own, and well formed.
std::uint32_t next_code_point(const std::string& text, std::size_t& at) {
  const auto byte = [&] { return static_cast<unsigned char>(text[at]); };
  const std::uint32_t first = byte();
  std::uint32_t code = first < 0x80 ? first : first < 0xE0 ? first & 0x1F : first < 0xF0 ? first & 0x0F : first & 0x07;
  for (++at; at < text.size() && (byte() & 0xC0) == 0x80; ++at) code = code << 6 | (byte() & 0x3F);
  return code;
}

/// One line of text as roff that prints it, sign for sign.
std::string roff(const std::string& text) {
  std::ostringstream out;
  if (text.starts_with(".")) out << "\\&";
  for (std::size_t at = 0; at < text.size();) {
    const std::uint32_t code = next_code_point(text, at);
    switch (code) {
    case '\\':
      out << "\\e";
      break;
    case '-':
      out << "\\-";
      break;
    case '\'':
      out << "\\(aq";
      break;
    case '"':
      out << "\\(dq";
      break;
    case '`':
      out << "\\(ga";
      break;
    case '^':
      out << "\\(ha";
      break;
    case '~':
      out << "\\(ti";
      break;
    default:
      if (code < 0x80)
        out << static_cast<char>(code);
      else
        out << "\\[u" << std::uppercase << std::hex << (code < 0x1000 ? "0" : "") << code << "]";
    }
  }
  return out.str();
}

std::string bold(const std::string& text) {
  return "\\fB" + roff(text) + "\\fR";
}

std::string italic(const std::string& text) {
  return "\\fI" + roff(text) + "\\fR";
}

void heading(std::ostream& out, const std::string& title) {
  out << ".SH \"" << roff(title) << "\"\n";
}

/// A term (roff already) and what it means.
void entry(std::ostream& out, const std::string& term, const std::string& text) {
  out << ".TP\n" << term << "\n" << roff(text) << "\n";
}

/// The end of a verb's help: paragraphs are filled; lines that are indented, or laid out in columns, stay as they are.
void footer(std::ostream& out, const std::string& text) {
  std::istringstream lines(text);
  bool is_laid_out = false, begins = true;
  for (std::string line; std::getline(lines, line); begins = line.empty()) {
    const bool laid_out = line.find("  ") != std::string::npos;
    if (is_laid_out && !laid_out) out << ".EE\n";
    if (begins && !line.empty()) out << ".PP\n";
    if (!is_laid_out && laid_out) out << ".EX\n";
    is_laid_out = laid_out;
    if (!line.empty()) out << roff(line) << "\n";
  }
  if (is_laid_out) out << ".EE\n";
}

std::string option_text(const CLI::Option& option) {
  const std::string standard = option.get_default_str();
  return option.get_description() + (standard.empty() ? "" : " [" + standard + "]");
}

/// A verb and those below it. whole: `maml data`.
void verb(std::ostream& out, const CLI::App& app, const std::string& whole) {
  const auto below = verbs_below(app);
  std::string usage = bold(whole);
  if (!below.empty()) usage += " " + italic("VERB");
  for (const auto* place : places_of(app)) usage += " [" + italic(place->get_type_name()) + "]";
  out << ".SS \"" << roff(whole) << "\"\n" << usage << "\n.PP\n" << roff(app.get_description()) << ".\n";
  for (const auto* place : places_of(app)) entry(out, italic(place->get_type_name()), option_text(*place));
  for (const auto* option : options_of(app)) {
    if (option == app.get_help_ptr()) continue;
    std::string term;
    for (const auto& name : names_of(*option)) term += (term.empty() ? "" : ", ") + bold(name);
    if (takes_value(*option)) term += " " + italic(option->get_type_name());
    entry(out, term, option_text(*option));
  }
  footer(out, app.get_footer());
  for (const auto* next : below) verb(out, *next, whole + " " + next->get_name());
}

void config(std::ostream& out) {
  heading(out, "CONFIGURATION");
  out << roff("A config is a TOML file of these keys, in tables: train.seed is the key seed of the table [train].")
      << "\n"
      << roff("It may begin with base = \"PRESET\", or another file, and then says only what differs.") << "\n"
      << roff("On the command line --set KEY=VALUE sets one.") << "\n";
  std::string table;
  for (const auto& info : describe_options()) {
    const std::string of = info.key.substr(0, info.key.find('.'));
    if (of != table) out << ".SS \"[" << roff(of) << "]\"\n";
    table = of;
    entry(out, bold(info.key) + " = " + roff(info.value), info.help + " (" + info.type + ")");
  }
}

int run(const CLI::App& program) {
  std::ostream& out = std::cout;
  out << ".\\\" Written by maml man, from the table of options that the program parses with.\n"
      << ".TH MAML 1 \"\" \"maml " << MAML_VERSION << "\" \"User Commands\"\n";
  heading(out, "NAME");
  out << "maml \\- " << roff("learns initial parameters from which a model adapts in a few gradient steps") << "\n";
  heading(out, "SYNOPSIS");
  out << bold("maml") << " " << italic("VERB") << " [" << italic("WORD") << "|" << italic("OPTION") << "...]\n";
  heading(out, "DESCRIPTION");
  out << roff(program.get_description()) << "\n" << roff("The verbs, in the order in which one needs them:") << "\n";
  for (const auto* app : verbs_below(program)) entry(out, bold("maml " + app->get_name()), app->get_description());
  out << ".PP\n" << bold("maml") << " " << italic("VERB") << " " << bold("--help") << " explains a verb.\n";
  heading(out, "VERBS");
  for (const auto* app : verbs_below(program)) verb(out, *app, "maml " + app->get_name());
  config(out);
  heading(out, "ENVIRONMENT");
  entry(out, bold("MAML_PRESETS"), "The folder of the presets, in place of the one that is installed.");
  entry(out, bold("MAML_DATA"), "Where data.file is looked for if it is not here; else in data/.");
  entry(out, bold("MAML_ISA"), "Forces an instruction set: baseline, avx2, avx512.");
  heading(out, "EXIT STATUS");
  entry(out, bold("0"), "All is well.");
  entry(out, bold("1"), "A check that fails, or an error nobody foresaw.");
  entry(out, bold("2"), "A mistake of the user's or the machine's, which the message names.");
  entry(out, bold("130"), "Stopped by Ctrl-C; what was done is saved.");
  return 0;
}

}  // namespace

void add_man(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand("man", "Prints the man page: all verbs, options and keys");
  verb->footer("Example:\n  maml man | man -l -\n\nAn installed maml has its page: man maml.");
  verb->callback([&program, &chosen] { chosen = [&program] { return run(program); }; });
}

}  // namespace maml::cli
