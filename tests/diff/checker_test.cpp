#include <doctest/doctest.h>

#include "maml/nn/check_model.h"
#include "tests/support/bed.h"

using namespace maml;
using namespace maml::test;

namespace {

/// A right objective with one thing made wrong.
class Broken : public Objective<double> {
public:
  enum class Fault { none, gradient, asymmetric, missing_term, input_part, ignores_step, order_of_tasks };
  Broken(const Objective<double>& right, Fault fault) : right_(right), fault_(fault) {}
  std::size_t parameters() const override { return right_.parameters(); }
  std::size_t tape_size(std::size_t rows) const override { return right_.tape_size(rows); }
  void evaluate(Point<double> at, const Batch<double>& batch, double* tape, double* losses,
                double* metrics) const override {
    right_.evaluate(at, batch, tape, losses, metrics);
  }
  void gradient(Point<double> at, const Batch<double>& batch, double* tape,
                const GradientOut<double>& out) const override {
    right_.gradient(at, batch, tape, out);
    if (fault_ == Fault::gradient) out.g[3] *= 1 + 1e-6;
    if (fault_ == Fault::order_of_tasks && batch.tasks > 1) out.g[3] *= 1 + 1e-15;
  }
  void hvp(Point<double> at, const Batch<double>& batch, const double* tape, const Direction<double>& direction,
           double* scratch, double* hv, std::ptrdiff_t stride, double* dx_dot,
           std::ptrdiff_t dx_stride) const override {
    right_.hvp(at, batch, tape, direction, scratch, hv, stride, dx_dot, dx_stride);
    if (fault_ == Fault::asymmetric) hv[0] += 1e-6 * direction.v[5];
    if (fault_ == Fault::missing_term) hv[2] = 0;
    if (fault_ == Fault::input_part && dx_dot) dx_dot[0] *= 1.001;
    if (fault_ == Fault::ignores_step && at.step == 3) hv[1] *= 1.001;
  }

private:
  const Objective<double>& right_;
  const Fault fault_;
};

std::vector<std::string> failures(Broken::Fault fault) {
  const Model model({{2}, {"linear 4", "tanh", "linear 1"}, "mse", "mean"});
  const auto right = make_objective<double>(model, Mode{});
  const auto complex = make_first_order_objective<std::complex<double>>(model, Mode{});
  const Broken broken(*right, fault);
  const CheckSubject subject{&broken, complex.get(), model.slices(), model.initial<double>(3),
                             random_check_data(model, 2, 5, 4, 1)};
  std::vector<std::string> failed;
  for (const auto& residual : check_objective(subject))
    if (!residual.passed()) failed.push_back(residual.what);
  return failed;
}

bool has(const std::vector<std::string>& list, const std::string& start) {
  for (const auto& entry : list)
    if (entry.rfind(start, 0) == 0) return true;
  return false;
}

}  // namespace

TEST_CASE("checker: each check can fail") {
  using Fault = Broken::Fault;
  CHECK(failures(Fault::none).empty());
  CHECK(has(failures(Fault::gradient), "gradient against complex step"));
  CHECK(has(failures(Fault::asymmetric), "Hessian symmetry"));
  CHECK(has(failures(Fault::missing_term), "Hessian-vector product against complex step"));
  CHECK(has(failures(Fault::missing_term), "meta-gradient against complex step, K = 1"));
  CHECK(has(failures(Fault::input_part), "its input part against complex step"));
  CHECK(has(failures(Fault::ignores_step), "meta-gradient against complex step, K = 5"));
  CHECK_FALSE(has(failures(Fault::ignores_step), "meta-gradient against complex step, K = 1"));
  CHECK(has(failures(Fault::asymmetric), "<vjp(v), u> = <v, jvp(u)>"));
  CHECK(has(failures(Fault::order_of_tasks), "group = each task alone"));
}
