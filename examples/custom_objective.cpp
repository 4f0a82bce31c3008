// An objective and a task of one's own, without a network: cups of coffee that cool by Newton's law. Each cup is a
// task; two parameters, the excess temperature a and the rate b of  temperature(t) = a exp(-b t),  are adapted to it
// from four thermometer readings. Meta-learned is where to start. Gradient and Hessian are written by hand; the engine
// differentiates through the adaptation. The derivatives are shown beside finite differences.
#include <cmath>
#include <complex>
#include <cstdio>
#include <vector>

#include "maml/base/rng.h"
#include "maml/diff/adaptation.h"
#include "maml/diff/checker.h"

using namespace maml;

/// L = 1 / (2 rows) sum over rows of (a exp(-b t) - y)^2, theta = (a, b), t in batch.x, y in batch.y.
/// A template, so that the checker can run it with complex numbers too.
template <class T> class Cooling : public Objective<T> {
public:
  std::size_t parameters() const override { return 2; }
  std::size_t tape_size(std::size_t) const override { return 0; }  // hvp computes all it needs anew

  void evaluate(Point<T> at, const Batch<T>& batch, T*, T* losses, T* metrics) const override {
    each_task(at, batch, [&](std::size_t i, Frame f) {
      T loss(0);
      for (std::size_t r = 0; r < batch.rows; ++r) loss += f.error(r) * f.error(r) / (T(2) * f.rows);
      if (losses) losses[i] = loss;
      if (metrics) metrics[i] = std::sqrt(T(2) * loss);  // what a person reads: degrees
    });
  }

  void gradient(Point<T> at, const Batch<T>& batch, T* tape, const GradientOut<T>& out) const override {
    evaluate(at, batch, tape, out.losses, out.metrics);
    each_task(at, batch, [&](std::size_t i, Frame f) {
      T g[2] = {};
      for (std::size_t r = 0; r < batch.rows; ++r) {
        g[0] += f.error(r) * f.by_a(r) / f.rows;
        g[1] += f.error(r) * f.by_b(r) / f.rows;
      }
      for (int e = 0; e < 2; ++e) out.g[static_cast<std::ptrdiff_t>(i) * out.g_stride + e] = g[e];
    });
  }

  void hvp(Point<T> at, const Batch<T>& batch, const T*, const Direction<T>& direction, T*, T* hv,
           std::ptrdiff_t hv_stride, T*, std::ptrdiff_t) const override {
    each_task(at, batch, [&](std::size_t i, Frame f) {
      const T* v = direction.v + static_cast<std::ptrdiff_t>(i) * direction.stride;
      T h[2] = {};
      for (std::size_t r = 0; r < batch.rows; ++r) {
        const T along = f.by_a(r) * v[0] + f.by_b(r) * v[1];  // the error's derivative along v
        h[0] += (along * f.by_a(r) + f.error(r) * f.by_ab(r) * v[1]) / f.rows;
        h[1] += (along * f.by_b(r) + f.error(r) * (f.by_ab(r) * v[0] + f.by_bb(r) * v[1])) / f.rows;
      }
      for (int e = 0; e < 2; ++e) hv[static_cast<std::ptrdiff_t>(i) * hv_stride + e] = h[e];
    });
  }

private:
  /// One task's parameters and readings, and the derivatives of a reading's error.
  struct Frame {
    T a, b, rows;
    const T *t, *y;
    T decay(std::size_t r) const { return std::exp(-b * t[r]); }
    T error(std::size_t r) const { return a * decay(r) - y[r]; }
    T by_a(std::size_t r) const { return decay(r); }
    T by_b(std::size_t r) const { return -a * t[r] * decay(r); }
    T by_ab(std::size_t r) const { return -t[r] * decay(r); }
    T by_bb(std::size_t r) const { return a * t[r] * t[r] * decay(r); }
  };
  template <class F> static void each_task(Point<T> at, const Batch<T>& batch, F f) {
    for (std::size_t i = 0; i < batch.tasks; ++i) {
      const auto n = static_cast<std::ptrdiff_t>(i);
      const T* theta = at.theta + n * at.stride;
      f(i, Frame{theta[0], theta[1], static_cast<T>(static_cast<double>(batch.rows)), batch.x + n * batch.x_stride,
                 batch.y + n * batch.y_stride});
    }
  }
};

/// A row of cups: four readings early on to adapt to, six later ones to judge by.
class Cups : public Task<double> {
public:
  static constexpr std::size_t support_rows = 4, query_rows = 6;

  void draw(std::size_t cups, std::uint64_t seed) {
    data_ = CheckData();
    data_.tasks = cups;
    data_.support_rows = support_rows;
    data_.query_rows = query_rows;
    data_.inputs = data_.targets = 1;
    for (std::size_t i = 0; i < cups; ++i) {
      Rng rng(seed, Purpose::train_task, 0, static_cast<std::uint32_t>(i));
      const double a = rng.uniform(0.4, 0.8),
                   b = rng.uniform(0.5, 2.5);  // 40 to 80 degrees above the room, thick or thin
      for (std::size_t r = 0; r < support_rows + query_rows; ++r) {
        const double t = r < support_rows ? rng.uniform(0, 1) : rng.uniform(0, 3);
        data_.x.push_back(t);
        data_.y.push_back(a * std::exp(-b * t));
      }
    }
  }
  const CheckData& data() const { return data_; }

  Batch<double> support(int, Point<double>) override { return rows(0, support_rows); }
  Batch<double> query(Point<double>) override { return rows(support_rows, query_rows); }

private:
  Batch<double> rows(std::size_t first, std::size_t count) const {
    Batch<double> batch;
    batch.tasks = data_.tasks;
    batch.rows = count;
    batch.x = data_.x.data() + first;
    batch.y = data_.y.data() + first;
    batch.x_stride = batch.y_stride = support_rows + query_rows;
    return batch;
  }
  CheckData data_;
};

int main() {
  constexpr std::size_t cups = 200;
  const Cooling<double> cooling;
  const auto rule = make_sgd<double>();
  const RateLayout rates({{"a", 0, 1}, {"b", 1, 1}}, {1, 1}, RateSharing::slice, 1);
  AdaptationOptions options;
  options.steps = 5;
  options.tasks = cups;
  options.support_rows = Cups::support_rows;
  options.query_rows = Cups::query_rows;
  Adaptation<double> adaptation({&cooling, &cooling, rule.get(), &rates, nullptr}, options);
  const std::vector<double> alpha = {0.5, 8};
  adaptation.set_rates(alpha.data());
  Cups task;
  std::vector<double> theta = {0.3, 0.3}, losses(cups), degrees(cups), v(2 * cups);

  // Mean query loss after adaptation, and its gradient by theta.
  const auto meta_loss = [&] {
    adaptation.run(theta.data(), task);
    adaptation.query(options.steps, losses.data(), nullptr, v.data());
    double sum = 0;
    for (const double loss : losses) sum += loss / cups;
    return sum;
  };
  const auto meta_gradient = [&] {
    meta_loss();
    adaptation.vjp(v.data(), {}, nullptr);
    std::vector<double> sum(2);
    for (std::size_t i = 0; i < 2 * cups; ++i) sum[i % 2] += v[i] / cups;
    return sum;
  };

  std::puts("The meta-gradient at (a, b) = (0.3, 0.3), beside central differences:");
  task.draw(cups, 0);
  const auto exact = meta_gradient();
  bool ok = true;
  for (std::size_t e = 0; e < 2; ++e) {
    const double step = 1e-5, here = theta[e];
    theta[e] = here + step;
    const double above = meta_loss();
    theta[e] = here - step;
    const double below = meta_loss();
    theta[e] = here;
    const double numeric = (above - below) / (2 * step);
    std::printf("  by %s  %.10f  %.10f\n", rates.slices()[e].name.c_str(), exact[e], numeric);
    ok = ok && std::abs(exact[e] - numeric) < 1e-6 * (std::abs(numeric) + 1e-3);
  }

  const Cooling<std::complex<double>> complex;
  task.draw(3, 1);
  double worst = 0;
  for (const auto& residual : check_objective({&cooling, &complex, rates.slices(), {0.6, 1.2}, task.data()})) {
    worst = std::max(worst, residual.value);
    ok = ok && residual.passed();
  }
  std::printf("The checker (complex step, symmetry, adjoints): at worst off by %.0e, %s\n\n", worst,
              ok ? "passed" : "FAILED");

  const auto report = [&](const char* when) {
    task.draw(cups, 1000000);  // cups never trained on
    adaptation.run(theta.data(), task);
    std::printf("%s, a = %.2f, b = %.2f. Degrees off later on, by inner steps:", when, theta[0], theta[1]);
    double mean = 0;
    for (int k = 0; k <= options.steps; ++k) {
      adaptation.query(k, losses.data(), degrees.data(), nullptr);
      mean = 0;
      for (const double d : degrees) mean += 100 * d / cups;
      std::printf(" %5.2f", mean);
    }
    std::puts("");
    return mean;
  };
  const double before = report("A guess");
  for (std::uint64_t i = 0; i < 300; ++i) {
    task.draw(cups, i);
    const auto g = meta_gradient();
    for (std::size_t e = 0; e < 2; ++e) theta[e] -= 3 * g[e];
  }
  const double after = report("Learned");
  return ok && after < before ? 0 : 1;
}
