// A regressor in C++: adapts a model of one input and one output to a few points, and draws what it then says.
//   maml export runs/sinusoid-10shot --format embed --out sinusoid.maml-adapt
//   adapt_cpp sinusoid.maml-adapt
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "maml_adapt.h"

namespace {

void must(int status) {
  if (status != MAML_ADAPT_OK) throw std::runtime_error(maml_adapt_error(status));
}

/// A model file with a context; memory goes with it.
class Adapter {
public:
  Adapter(const std::string& path, std::size_t support_rows, std::size_t query_rows) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error(path + ": cannot be read");
    file_.assign(std::istreambuf_iterator<char>(in), {});
    std::size_t bytes = 0;
    must(maml_adapt_describe(file_.data(), file_.size(), &model_));
    must(maml_adapt_arena_bytes(file_.data(), file_.size(), support_rows, query_rows, &bytes));
    arena_ = std::make_unique<std::byte[]>(bytes);
    must(maml_adapt_create(file_.data(), file_.size(), support_rows, query_rows, arena_.get(), bytes, &context_));
  }

  const maml_adapt_model& model() const { return model_; }
  void run(const std::vector<float>& x, const std::vector<float>& y) {
    must(maml_adapt_run(context_, x.data(), y.data(), x.size() / model_.inputs, MAML_ADAPT_TRAINED_STEPS));
  }
  std::vector<float> operator()(const std::vector<float>& x) {
    std::vector<float> outputs(x.size() / model_.inputs * model_.outputs);
    must(maml_adapt_predict(context_, x.data(), x.size() / model_.inputs, outputs.data()));
    return outputs;
  }

private:
  std::vector<char> file_;  // vector's memory is aligned as new's
  std::unique_ptr<std::byte[]> arena_;
  maml_adapt_model model_ = {};
  maml_adapt* context_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) try {
  if (maml_adapt_abi() != MAML_ADAPT_ABI)
    throw std::runtime_error("library has ABI " + std::to_string(maml_adapt_abi()) + ", header " +
                             std::to_string(MAML_ADAPT_ABI) + ": rebuild");
  if (argc != 2) throw std::runtime_error("name a model file (maml export RUN --format embed)");
  Adapter adapter(argv[1], 10, 21);
  if (adapter.model().inputs != 1 || adapter.model().outputs != 1)
    throw std::runtime_error("this example wants a model of one input and one output");
  std::vector<float> x, y, at;
  for (int i = 0; i < 10; ++i) {
    x.push_back(-4.5f + static_cast<float>(i));
    y.push_back(2 * std::sin(x.back() + 1));
  }
  for (int i = 0; i <= 20; ++i) at.push_back(-5 + 0.5f * static_cast<float>(i));
  adapter.run(x, y);
  const std::vector<float> said = adapter(at);
  for (std::size_t i = 0; i < at.size(); ++i)
    std::printf("%5.1f  %7.3f  (%7.3f)\n", static_cast<double>(at[i]), static_cast<double>(said[i]),
                static_cast<double>(2 * std::sin(at[i] + 1)));
} catch (const std::exception& error) {
  std::cerr << "adapt_cpp: " << error.what() << "\n";
  return 1;
}
