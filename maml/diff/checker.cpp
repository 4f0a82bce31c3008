#include "maml/diff/checker.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "maml/base/rng.h"
#include "maml/diff/adaptation.h"
#include "maml/diff/check_task.h"

namespace maml {

namespace {

using Complex = std::complex<double>;
using Vector = std::vector<double>;
constexpr double mu = 0.7;      // of the momentum rule
constexpr double tiny = 1e-40;  // complex steps have no cancellation, so any step this small is exact

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
double norm(const Vector& a) {
  return std::sqrt(dot(a, a));
}
double relative(const Vector& a, const Vector& b) {
  Vector difference(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) difference[i] = a[i] - b[i];
  const double scale = norm(b);
  return scale > 0 ? norm(difference) / scale : norm(difference);
}

/// One way to adapt, common to both number types.
struct Setting {
  int steps;
  bool momentum;
  const RateLayout* layout;
  Vector rates, weights;
};

template <class T> class Run {
public:
  Run(const FirstOrderObjective<T>& objective, const CheckData& data, const Setting& setting, std::size_t first,
      std::size_t tasks, std::size_t budget = std::size_t{1} << 40)
      : setting_(setting), tasks_(tasks), task_(data, first, tasks),
        rule_(setting.momentum ? make_momentum<T>(mu) : make_sgd<T>()) {
    AdaptationOptions options;
    options.steps = setting.steps;
    options.tasks = tasks;
    options.support_rows = data.support_rows;
    options.query_rows = data.query_rows + (data.couple_query ? data.support_rows : 0);
    options.budget = budget;
    adaptation_ = std::make_unique<Adaptation<T>>(
        AdaptationParts<T>{&objective, &objective, rule_.get(), setting.layout, nullptr}, options);
  }

  Adaptation<T>& adaptation() { return *adaptation_; }

  void start(const std::vector<T>& theta, const std::vector<T>& rates) {
    theta_ = theta;
    adaptation_->set_rates(rates.data());
    adaptation_->run(theta_.data(), task_);
  }
  /// sum over tasks and k of w_k L_query(theta_k)
  T meta_loss() {
    T sum(0);
    std::vector<T> losses(tasks_);
    for (int k = 0; k <= setting_.steps; ++k) {
      adaptation_->query(k, losses.data(), nullptr, nullptr);
      for (const T& loss : losses) sum += setting_.weights[static_cast<std::size_t>(k)] * loss;
    }
    return sum;
  }
  /// Its gradient by theta_0 and by the rates, a vector a task, by the sweep.
  void meta_gradient(std::vector<T>& gradient, std::vector<T>& d_rates) {
    const std::size_t n = tasks_ * adaptation_->parameters();
    gradient.assign(n, T(0));
    d_rates.assign(tasks_ * setting_.layout->size(), T(0));
    std::vector<T> losses(tasks_), part(n);
    const auto add_query = [&](int k, T* v) {
      adaptation_->query(k, losses.data(), nullptr, part.data());
      for (std::size_t i = 0; i < n; ++i) v[i] += setting_.weights[static_cast<std::size_t>(k)] * part[i];
    };
    add_query(setting_.steps, gradient.data());
    adaptation_->vjp(
        gradient.data(), [&](int k, Point<T>, T* v) { add_query(k, v); }, d_rates.data());
  }

private:
  const Setting& setting_;
  const std::size_t tasks_;
  CheckTask<T> task_;
  std::unique_ptr<InnerRule<T>> rule_;
  std::unique_ptr<Adaptation<T>> adaptation_;
  std::vector<T> theta_;
};

/// Sums a vector a task into one vector.
Vector over_tasks(const Vector& each, std::size_t tasks) {
  const std::size_t n = each.size() / tasks;
  Vector sum(n, 0.0);
  for (std::size_t i = 0; i < each.size(); ++i) sum[i % n] += each[i];
  return sum;
}

class Checker {
public:
  Checker(const CheckSubject& subject, const CheckOptions& options)
      : subject_(subject), options_(options), rng_(options.seed, Purpose::check), n_(subject.theta.size()) {}

  std::vector<Residual> all() {
    one_task();
    const double bend = std::max(hessian_norm(), 1e-3);
    const RateLayout layout = random_layout();
    for (const int steps : options_.steps)
      for (const bool momentum : {false, true}) {
        Setting setting{steps, momentum, &layout, {}, {}};
        const double largest = (momentum ? 1 - mu : 1) * 0.5 / bend;
        for (std::size_t i = 0; i < layout.size(); ++i) setting.rates.push_back(largest * rng_.uniform(0.2, 1));
        for (int k = 0; k <= steps; ++k) setting.weights.push_back(k == steps ? 1 : rng_.uniform(0, 0.5));
        whole_loop(setting);
      }
    return residuals_;
  }

private:
  void report(const std::string& what, double value) { residuals_.push_back({what, value, options_.bound}); }
  void report_bytes(const std::string& what, bool same) { residuals_.push_back({what, same ? 0.0 : 1.0, 0}); }
  Vector random_vector(std::size_t n) {
    Vector v(n);
    for (auto& x : v) x = rng_.normal();
    return v;
  }
  /// Every coordinate of a small vector, 8 random directions in a large one.
  std::vector<Vector> directions(std::size_t n) {
    std::vector<Vector> list;
    if (n <= options_.every_coordinate_up_to) {
      for (std::size_t i = 0; i < n; ++i) {
        list.emplace_back(n, 0.0);
        list.back()[i] = 1;
      }
    } else {
      for (int i = 0; i < 8; ++i) list.push_back(random_vector(n));
    }
    return list;
  }
  static std::vector<Complex> step_along(const Vector& at, const Vector& direction) {
    std::vector<Complex> z(at.size());
    for (std::size_t i = 0; i < at.size(); ++i) z[i] = {at[i], tiny * direction[i]};
    return z;
  }
  static std::vector<Complex> real(const Vector& at) { return {at.begin(), at.end()}; }

  /// The parts of a vector along directions: against what complex steps say.
  static double residual_along(const std::vector<Vector>& directions, const Vector& vector, const Vector& exact) {
    Vector parts;
    for (const auto& direction : directions) parts.push_back(dot(direction, vector));
    // A single coordinate may be zero for good reasons: relative to the whole vector, per direction of norm 1.
    const double scale = norm(vector) * (directions.size() < vector.size() ? std::sqrt(8.0) : 1.0);
    Vector difference(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) difference[i] = parts[i] - exact[i];
    return scale > 0 ? norm(difference) / scale : norm(difference);
  }

  void one_task() {
    const auto& f = *subject_.objective;
    const auto& z = *subject_.complex;
    for (const bool is_query : {false, true}) {
      const std::string of = is_query ? " (query)" : " (support)";
      CheckTask<double> task(subject_.data, 0, 1);
      CheckTask<Complex> complex_task(subject_.data, 0, 1);
      const Point<double> at{subject_.theta.data(), 0, 0};
      const auto batch = is_query ? task.query(at) : task.support(0, at);
      const auto complex_batch = is_query ? complex_task.query({}) : complex_task.support(0, {});
      const std::size_t inputs = batch.rows * subject_.data.inputs;

      Vector g(n_), dx(inputs), tape(f.tape_size(batch.rows)), scratch(tape.size());
      double loss = 0;
      GradientOut<double> out;
      out.losses = &loss;
      out.g = g.data();
      out.dx = dx.data();
      f.gradient(at, batch, tape.data(), out);

      std::vector<Complex> complex_tape(z.tape_size(batch.rows)), zg(n_), zdx(inputs);
      const auto steps = directions(n_);
      Vector exact;
      for (const auto& direction : steps) {
        const auto theta = step_along(subject_.theta, direction);
        Complex value;
        z.evaluate({theta.data(), 0, 0}, complex_batch, complex_tape.data(), &value, nullptr);
        exact.push_back(value.imag() / tiny);
      }
      report("gradient against complex step" + of, residual_along(steps, g, exact));

      const auto hvp = [&](const Vector& v, Vector& hv, Vector* dx_dot) {
        f.hvp(at, batch, tape.data(), {v.data(), 0}, scratch.data(), hv.data(), 0, dx_dot ? dx_dot->data() : nullptr,
              0);
      };
      const Vector u = random_vector(n_), v = random_vector(n_);
      Vector hu(n_), hv(n_), dx_dot(inputs);
      hvp(u, hu, nullptr);
      hvp(v, hv, &dx_dot);
      const double scale = norm(hu) * norm(v) + norm(hv) * norm(u);
      report("Hessian symmetry" + of, scale > 0 ? std::abs(dot(u, hv) - dot(v, hu)) / scale : 0);

      const auto theta = step_along(subject_.theta, v);
      Complex value;
      GradientOut<Complex> zout;
      zout.losses = &value;
      zout.g = zg.data();
      zout.dx = zdx.data();
      z.gradient({theta.data(), 0, 0}, complex_batch, complex_tape.data(), zout);
      report("Hessian-vector product against complex step" + of, relative(hv, imaginary(zg)));
      report("its input part against complex step" + of, relative(dx_dot, imaginary(zdx)));
    }
  }

  /// The largest norm of a task's support Hessian at the point, by power iteration.
  double hessian_norm() {
    const auto& f = *subject_.objective;
    double largest = 0;
    for (std::size_t i = 0; i < subject_.data.tasks; ++i) {
      CheckTask<double> task(subject_.data, i, 1);
      const Point<double> at{subject_.theta.data(), 0, 0};
      const auto batch = task.support(0, at);
      Vector g(n_), tape(f.tape_size(batch.rows)), scratch(tape.size()), w = random_vector(n_), hw(n_);
      double loss = 0;
      GradientOut<double> out;
      out.losses = &loss;
      out.g = g.data();
      f.gradient(at, batch, tape.data(), out);
      for (int iteration = 0; iteration < 20; ++iteration) {
        const double length = std::max(norm(w), 1e-300);
        for (auto& x : w) x /= length;
        f.hvp(at, batch, tape.data(), {w.data(), 0}, scratch.data(), hw.data(), 0, nullptr, 0);
        largest = std::max(largest, norm(hw));
        w = hw;
      }
    }
    return largest;
  }

  static Vector imaginary(const std::vector<Complex>& z) {
    Vector part(z.size());
    for (std::size_t i = 0; i < z.size(); ++i) part[i] = z[i].imag() / tiny;
    return part;
  }

  RateLayout random_layout() {
    std::vector<unsigned char> mask(subject_.slices.size());
    for (auto& m : mask) m = rng_.uniform() < 0.7;
    mask[rng_.below(static_cast<std::uint32_t>(mask.size()))] = 1;
    return RateLayout(subject_.slices, mask, RateSharing::element, 2);
  }

  void whole_loop(const Setting& setting) {
    const std::string of = ", K = " + std::to_string(setting.steps) + (setting.momentum ? ", momentum" : ", sgd");
    const std::size_t tasks = subject_.data.tasks;
    Run<double> run(*subject_.objective, subject_.data, setting, 0, tasks);
    run.start(subject_.theta, setting.rates);
    Vector gradient, d_rates;
    run.meta_gradient(gradient, d_rates);
    const Vector total = over_tasks(gradient, tasks), total_rates = over_tasks(d_rates, tasks);

    Run<Complex> complex_run(*subject_.complex, subject_.data, setting, 0, tasks);
    const auto steps = directions(n_);
    Vector exact;
    for (const auto& direction : steps) {
      complex_run.start(step_along(subject_.theta, direction), real(setting.rates));
      exact.push_back(complex_run.meta_loss().imag() / tiny);
    }
    report("meta-gradient against complex step" + of, residual_along(steps, total, exact));
    exact.clear();
    std::vector<Vector> rate_steps;
    for (int i = 0; i < 8; ++i) rate_steps.push_back(random_vector(setting.rates.size()));
    for (const auto& direction : rate_steps) {
      complex_run.start(real(subject_.theta), step_along(setting.rates, direction));
      exact.push_back(complex_run.meta_loss().imag() / tiny);
    }
    report("gradient by the rates against complex step" + of, residual_along(rate_steps, total_rates, exact));

    Vector u = random_vector(tasks * n_), v = random_vector(tasks * n_);
    const Vector u0 = u, v_end = v;
    run.adaptation().jvp(u.data());
    run.adaptation().vjp(v.data(), {}, nullptr);
    report("<vjp(v), u> = <v, jvp(u)>" + of,
           std::abs(dot(v, u0) - dot(v_end, u)) / (norm(v) * norm(u0) + norm(v_end) * norm(u)));

    const auto bytes_equal = [](const Vector& a, const Vector& b) {
      return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
    };
    Run<double> lean(*subject_.objective, subject_.data, setting, 0, tasks, run.adaptation().memory().minimum);
    Vector lean_gradient, lean_rates;
    lean.start(subject_.theta, setting.rates);
    lean.meta_gradient(lean_gradient, lean_rates);
    report_bytes("kept = recomputed tapes, to the bit" + of,
                 bytes_equal(gradient, lean_gradient) && bytes_equal(d_rates, lean_rates));
    Vector alone_gradient, alone_rates;
    for (std::size_t i = 0; i < tasks; ++i) {
      Run<double> alone(*subject_.objective, subject_.data, setting, i, 1);
      Vector g, r;
      alone.start(subject_.theta, setting.rates);
      alone.meta_gradient(g, r);
      alone_gradient.insert(alone_gradient.end(), g.begin(), g.end());
      alone_rates.insert(alone_rates.end(), r.begin(), r.end());
    }
    report_bytes("group = each task alone, to the bit" + of,
                 bytes_equal(gradient, alone_gradient) && bytes_equal(d_rates, alone_rates));
  }

  const CheckSubject& subject_;
  const CheckOptions& options_;
  Rng rng_;
  const std::size_t n_;
  std::vector<Residual> residuals_;
};

}  // namespace

std::vector<Residual> check_objective(const CheckSubject& subject, const CheckOptions& options) {
  return Checker(subject, options).all();
}

}  // namespace maml
