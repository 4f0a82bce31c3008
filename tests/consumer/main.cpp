#include <iostream>

#include "maml/base/error.h"
#if __has_include("maml/maml.h")
#include "maml/maml.h"
#endif

int main() {
  try {
    maml::fail("consumer", "it links and throws");
  } catch (const maml::Error& error) {
    std::cout << error.what() << "\n";
    return 0;
  }
}
