#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstring>
#include <exception>
#include <iostream>

#include "maml/kernels/isa.h"

// Runs the tests on the instruction set that the kernels choose (MAML_ISA forces one), after saying which that is; all
// of doctest's flags hold. `maml_tests --isas` instead prints what the scripts ask for: one line per instruction set,
// `NAME yes` or `NAME no` for whether this CPU has it.
int main(int argc, char** argv) {
  try {
    if (argc == 2 && std::strcmp(argv[1], "--isas") == 0) {
      for (const maml::Isa isa : {maml::Isa::baseline, maml::Isa::avx2, maml::Isa::avx512})
        std::cout << maml::isa_name(isa) << (maml::isa_supported(isa) ? " yes\n" : " no\n");
      return 0;
    }
    std::cout << "instruction set: " << maml::isa_name(maml::active_isa()) << std::endl;
    doctest::Context context(argc, argv);
    return context.run();
  } catch (const std::exception& error) {
    std::cerr << "maml_tests: " << error.what() << "\n";
    return 2;
  }
}
