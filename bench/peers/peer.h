#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "maml/base/aligned.h"
#include "maml/kernels/isa.h"
#include "maml/nn/conv_places.h"

// Other libraries' convolutions, for bench/convolution.cpp. Each is compiled in only where CMake finds it.

namespace maml::bench {

enum class Pass { forward, weights, inputs };

/// One convolution without bias and what it is given: images (image, row, column, channel), weights (row tap, column
/// tap, in, out). `rows` and `columns` are its axes.
struct Convolution {
  std::size_t images;
  ConvAxis rows, columns;
  std::size_t in, out;
  const float *x, *w, *dy;

  std::size_t x_size() const { return images * rows.in * columns.in * in; }
  std::size_t y_size() const { return images * rows.out * columns.out * out; }
  std::size_t w_size() const { return rows.kernel * columns.kernel * in * out; }
};

/// A way to compute one pass: `run` is what is timed; `result` returns what it left, in the layouts above. Operands are
/// copied into the form's own layouts when it is made. The Convolution's arrays outlive it.
struct Form {
  std::string name;
  std::function<void()> run;
  std::function<std::vector<float>()> result;
};

/// Every form worth timing of one library for this pass, on one thread, with no instruction set above `isa`. One
/// process asks for one `isa` alone.
using MakeForms = std::vector<Form> (*)(Isa isa, const Convolution&, Pass);

std::vector<Form> onednn_forms(Isa, const Convolution&, Pass);
std::vector<Form> libxsmm_forms(Isa, const Convolution&, Pass);
std::vector<Form> eigen_forms(Isa, const Convolution&, Pass);

}  // namespace maml::bench
