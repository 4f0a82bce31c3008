#include "maml/tasks/sinusoid.h"

#include <bit>
#include <cassert>
#include <cstdint>
#include <numbers>

#include "maml/tasks/supervised.h"

namespace maml {

namespace {

constexpr double x_limit = 5;

/// sin x for |x| < 10, to 3e-16. Without branches: libm's mispredict on random x, and tripled the time of sampling.
inline double sine(double x) {
  constexpr double round = 0x1.8p52;  // added, leaves a whole number in the last bits
  constexpr double pi_high = 0x1.921fb544p+1, pi_low = 0x1.0b4611a626331p-33;
  const double shifted = x * std::numbers::inv_pi + round;
  const double turns = shifted - round;
  const double r = (x - turns * pi_high) - turns * pi_low, s = r * r;
  double series = 0;  // Taylor's; the first term left out is below 2e-18
  for (int i = 21; i > 1; i -= 2) series = (1 + series) * (-1.0 / (i * (i - 1)) * s);
  const std::uint64_t sign = std::bit_cast<std::uint64_t>(shifted) << 63;
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(r + r * series) ^ sign);
}

struct Curve {
  double amplitude, phase;
  double operator()(double x) const { return amplitude * sine(x - phase); }
};

Curve draw_curve(Rng& rng) {
  const double amplitude = rng.uniform(0.1, 5.0);
  return {amplitude, rng.uniform(0, std::numbers::pi)};
}

double draw_x(Rng& rng) {
  return rng.coarse_uniform(-x_limit, x_limit);
}

template <class T> class SinusoidGroup final : public SupervisedGroup<T> {
public:
  SinusoidGroup(std::size_t tasks, const EpisodeOptions& options, bool oracle)
      : SupervisedGroup<T>(tasks, options, oracle ? 3 : 1, 1), oracle_(oracle) {
    require(options.ways == 1, "sinusoid", "is a regression and has no ways (leave data.ways at 1)");
  }

protected:
  void fill(Rng& rng, Purpose, T* x, T* y) override {
    const Curve curve = draw_curve(rng);
    const std::size_t rows = this->rows(), inputs = oracle_ ? 3 : 1;
    for (std::size_t row = 0; row < rows; ++row) x[row * inputs] = static_cast<T>(draw_x(rng));
    for (std::size_t row = 0; row < rows; ++row) y[row] = static_cast<T>(curve(static_cast<double>(x[row * inputs])));
    if (!oracle_) return;
    for (std::size_t row = 0; row < rows; ++row) {
      x[row * 3 + 1] = static_cast<T>(curve.amplitude);
      x[row * 3 + 2] = static_cast<T>(curve.phase);
    }
  }

private:
  const bool oracle_;
};

class Sinusoid final : public Domain {
public:
  explicit Sinusoid(const SinusoidOptions& options) : options_(options) {}
  Shape input() const override { return Shape{{options_.oracle ? 3u : 1u}}; }
  std::size_t targets() const override { return 1; }
  std::unique_ptr<TaskGroup<float>> group_f32(std::size_t tasks, const EpisodeOptions& options) const override {
    return std::make_unique<SinusoidGroup<float>>(tasks, options, options_.oracle);
  }
  std::unique_ptr<TaskGroup<double>> group_f64(std::size_t tasks, const EpisodeOptions& options) const override {
    return std::make_unique<SinusoidGroup<double>>(tasks, options, options_.oracle);
  }

private:
  const SinusoidOptions options_;
};

}  // namespace

std::unique_ptr<Domain> make_sinusoid(const SinusoidOptions& options) {
  return std::make_unique<Sinusoid>(options);
}

double Wave::operator()(double at) const {
  return Curve{amplitude, phase}(at);
}

Wave draw_wave(const Draw& draw, std::size_t shots, std::size_t points) {
  assert(points >= 2);
  Rng rng(draw.seed, draw.purpose, draw.iteration, draw.first);
  const Curve curve = draw_curve(rng);
  Wave wave;
  wave.amplitude = curve.amplitude;
  wave.phase = curve.phase;
  for (std::size_t i = 0; i < shots; ++i) {
    wave.support_x.push_back(draw_x(rng));
    wave.support_y.push_back(curve(wave.support_x.back()));
  }
  for (std::size_t i = 0; i < points; ++i) {
    wave.x.push_back(x_limit * (2.0 * static_cast<double>(i) / static_cast<double>(points - 1) - 1));
    wave.y.push_back(curve(wave.x.back()));
  }
  return wave;
}

}  // namespace maml
