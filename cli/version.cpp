#include <iostream>

#include "cli/verbs.h"
#include "maml/base/workers.h"
#include "maml/kernels/isa.h"

namespace maml::cli {

namespace {

#ifdef __clang__
constexpr auto compiler = "clang " __clang_version__;
#else
constexpr auto compiler = "gcc " __VERSION__;
#endif

int run() {
  const Isa active = active_isa();  // fails before a word is printed
  std::cout << "maml " << MAML_VERSION << "\ncompiler: " << compiler << "\ninstruction sets:";
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512})
    if (isa_supported(isa)) std::cout << " " << isa_name(isa);
  std::cout << "; in use: " << isa_name(active) << "\nprocessors: " << available_threads() << "\n";
  return 0;
}

}  // namespace

void add_version(CLI::App& program, Chosen& chosen) {
  auto* verb = program.add_subcommand("version", "Version, compiler, instruction sets of this machine");
  verb->footer("Examples:\n  maml version\n  MAML_ISA=avx2 maml version");
  verb->callback([&chosen] { chosen = run; });
}

}  // namespace maml::cli
