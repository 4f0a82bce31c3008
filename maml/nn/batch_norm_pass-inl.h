// The passes of batch norm, over plain sizes; batch_norm.cpp makes these of a layer's text.

#if defined(MAML_NN_BATCH_NORM_PASS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_NN_BATCH_NORM_PASS_INL_H_
#undef MAML_NN_BATCH_NORM_PASS_INL_H_
#else
#define MAML_NN_BATCH_NORM_PASS_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "maml/nn/layer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml::HWY_NAMESPACE {

/// What the passes of a batch norm go by.
struct BatchNormSizes {
  std::size_t channels, pixels;  ///< of a row of the batch
  std::size_t height, width;     ///< of an image; 1 x 1 for a vector
  bool has_weight;               ///< parameter slices: weight and bias, else bias alone
  std::size_t steps;             ///< sets of parameters and running statistics, one an inner step
  double epsilon, momentum;
  std::size_t chunk_rows;  ///< LayerInfo::chunk_rows
  double slope = 1;        ///< of the rectifier that was taken in; 1: none
  std::size_t window = 1;  ///< of the pooling that was taken in: 2, or 1 for none
};

/// Each channel to mean 0 and variance 1 over rows and pixels (Ioffe and Szegedy 2015), then times weight (optional)
/// plus bias. Whose rows give mean and variance is the call's to say, else the text's (docs/design.md, batch norm):
///   transductive  the batch at hand, in testing too (the original MAML)
///   support       the support rows; a query batch then begins with them, and gradient and H v flow through both
///   running       in training the batch at hand, in evaluation the running statistics
/// per_step=K keeps weight, bias and running statistics for each of K inner steps (MAML++).
///
/// Cache, each one value a channel: mean, 1 / std; what backward's stage `joint` leaves for its rows, the two numbers
/// of `through_statistics`; then mean and sum of squares of each chunk of rows.
///
/// A rectifier and a pooling of 2 x 2 that follow are taken into the same passes over memory: nothing between x and the
/// pooled output is stored, backward finds signs and winners again.
class BatchNormPass {
public:
  explicit BatchNormPass(const BatchNormSizes& sizes) : sizes_(sizes) {}

  const BatchNormSizes& sizes() const { return sizes_; }
  /// Elements of the cache for so many rows.
  std::size_t cache_size(std::size_t rows) const { return sizes_.channels * (first_chunk + 2 * chunks(rows)); }

  template <class Pass> void forward(const Frame<Pass>& f) const {
    with_window([&](auto side, auto falls) { pooled_forward<side(), falls()>(f); });
  }
  template <class Pass> void backward(const Frame<Pass>& f) const {
    with_window([&](auto side, auto falls) { pooled_backward<side(), falls()>(f); });
  }

private:
  /// Blocks of channels that are worked on together: a row of pixels then comes from memory once.
  static constexpr std::size_t group = 8;
  /// Positions a partial sum is made over.
  static constexpr std::size_t run = 64;
  /// Where chunks begin in the cache, in channels.
  static constexpr std::size_t first_chunk = 4;

  struct Rows {
    std::size_t first, last;  ///< the last is not one of them
  };
  /// Those of the frame's chunk in stage `rows`, else all.
  template <class Pass> Rows rows_of(const Frame<Pass>& f) const {
    if (f.stage != Stage::rows) return {0, f.rows};
    return {f.first_row, std::min(f.rows, f.first_row + sizes_.chunk_rows)};
  }

  /// f(the pooling window's side, whether a channel's output may fall as its input rises), both constants.
  template <class F> void with_window(F f) const {
    if (sizes_.window == 1) return f(std::integral_constant<std::size_t, 1>(), std::false_type());
    if (!sizes_.has_weight) return f(std::integral_constant<std::size_t, 2>(), std::false_type());
    f(std::integral_constant<std::size_t, 2>(), std::true_type());
  }

  template <std::size_t kSide, bool kFalls, class Pass> void pooled_forward(const Frame<Pass>& f) const {
    using Number = typename Pass::Number;
    if (f.stage != Stage::joint && !reads_state(f)) chunk_statistics(f);
    if (f.stage == Stage::rows) return;
    const Rectifier<Number> rectifier(sizes_.slope);
    Pass::template each_group<group>(sizes_.channels, [&](auto at, std::size_t blocks) HWY_ATTR {
      Number mean[group], variance[group];
      statistics(f, at, blocks, mean, variance);
      Channel<Pass> channels[group];
      for (std::size_t b = 0; b < blocks; ++b) {
        if (!reads_state(f)) move_state<Pass>(f, at(b), mean[b], variance[b]);
        const Number inverse = Number::set(1) / sqrt(variance[b] + Number::set(sizes_.epsilon));
        Pass::store(cached(f, 0), at(b), mean[b]);
        Pass::store(cached(f, 1), at(b), inverse);
        channels[b] = Channel<Pass>(*this, f, at(b), mean[b], inverse);
      }
      each_stretch({0, f.rows}, [&](const Stretch& stretch) HWY_ATTR {
        for (std::size_t b = 0; b < blocks; ++b) {
          const Channel<Pass> channel = channels[b];
          for (std::size_t j = 0; j < stretch.windows; ++j) {
            const Window<Pass, kSide, kFalls> window(*this, f, channel, stretch.x + s(j * kSide * sizes_.channels),
                                                     at(b));
            Pass::store(f.y + (stretch.y + s(j * sizes_.channels)), at(b), rectifier(channel.normed(window.best)));
          }
        }
      });
    });
  }

  template <std::size_t kSide, bool kFalls, class Pass> void pooled_backward(const Frame<Pass>& f) const {
    if (f.stage != Stage::rows) parameter_gradient<kSide, kFalls>(f);
    if (f.stage == Stage::joint || !f.dx) return;
    input_gradient<kSide, kFalls>(f);
  }

  template <std::size_t kSide, bool kFalls, class Pass> void parameter_gradient(const Frame<Pass>& f) const {
    using Number = typename Pass::Number;
    const Rectifier<Number> rectifier(sizes_.slope);
    for (std::size_t i = 0; i <= bias_index(); ++i) Pass::zero(f.d_parameter[i], sizes_.steps * sizes_.channels);
    const auto share = Number::Plain::set(-1.0 / static_cast<double>(f.statistics_rows() * sizes_.pixels));
    Pass::template each_group<group>(sizes_.channels, [&](auto at, std::size_t blocks) HWY_ATTR {
      Channel<Pass> channels[group];
      Number sum[group], along[group];
      for (std::size_t b = 0; b < blocks; ++b) {
        channels[b] = Channel<Pass>(*this, f, at(b));
        sum[b] = along[b] = Number::set(0);
      }
      each_stretch({0, f.rows}, [&](const Stretch& stretch) HWY_ATTR {
        for (std::size_t b = 0; b < blocks; ++b) {
          const Channel<Pass> channel = channels[b];
          Number part = Number::set(0), part_along = Number::set(0);
          for (std::size_t j = 0; j < stretch.windows; ++j) {
            const Window<Pass, kSide, kFalls> window(*this, f, channel, stretch.x + s(j * kSide * sizes_.channels),
                                                     at(b));
            const Number dy = rectifier.backward(channel.normed(window.best),
                                                 Pass::load(f.dy + (stretch.y + s(j * sizes_.channels)), at(b)));
            part = part + dy;
            part_along = part_along + dy * channel.normal(window.best);
          }
          sum[b] = sum[b] + part;
          along[b] = along[b] + part_along;
        }
      });
      for (std::size_t b = 0; b < blocks; ++b) {
        Pass::store(f.d_parameter[bias_index()] + set_offset(f.step), at(b), sum[b]);
        if (sizes_.has_weight) Pass::store(f.d_parameter[0] + set_offset(f.step), at(b), along[b]);
        const Through<Number> through = {channels[b].scale * sum[b] * share,
                                         channels[b].scale * along[b] * share * channels[b].inverse};
        Pass::store(cached(f, 2), at(b), through.constant);
        Pass::store(cached(f, 3), at(b), through.factor);
      }
    });
  }

  template <std::size_t kSide, bool kFalls, class Pass> void input_gradient(const Frame<Pass>& f) const {
    const Rows rows = rows_of(f);
    using Number = typename Pass::Number;
    const Rectifier<Number> rectifier(sizes_.slope);
    const auto counts = [&](std::size_t row) { return !reads_state(f) && row < f.statistics_rows(); };
    Pass::template each_group<group>(sizes_.channels, [&](auto at, std::size_t blocks) HWY_ATTR {
      Channel<Pass> channels[group];
      Through<Number> through[group];
      for (std::size_t b = 0; b < blocks; ++b) {
        channels[b] = Channel<Pass>(*this, f, at(b));
        through[b] = {Pass::load(cached(f, 2), at(b)), Pass::load(cached(f, 3), at(b))};
      }
      each_stretch(rows, [&](const Stretch& stretch) HWY_ATTR {
        const bool is_counted = counts(stretch.row);
        for (std::size_t b = 0; b < blocks; ++b) {
          const Channel<Pass> channel = channels[b];
          const Number c = through[b].constant, k = through[b].factor;
          for (std::size_t j = 0; j < stretch.windows; ++j) {
            const std::ptrdiff_t x = stretch.x + s(j * kSide * sizes_.channels);
            const Window<Pass, kSide, kFalls> window(*this, f, channel, x, at(b));
            Number dy =
                channel.scale * rectifier.backward(channel.normed(window.best),
                                                   Pass::load(f.dy + (stretch.y + s(j * sizes_.channels)), at(b)));
            if constexpr (kSide == 1) {
              Pass::store(f.dx + x, at(b), is_counted ? dy + (c + k * (window.best - channel.mean)) : dy);
            } else {
              each_tap<kSide>([&](auto t, std::ptrdiff_t tap) HWY_ATTR {
                const Number dx = window.share(t, dy);
                Pass::store(f.dx + (x + tap), at(b), is_counted ? dx + (c + k * (window.x[t] - channel.mean)) : dx);
              });
            }
          }
        }
      });
      each_leftover(rows, [&](std::size_t row, std::ptrdiff_t x) HWY_ATTR {
        for (std::size_t b = 0; b < blocks; ++b) {
          const Number dx = through[b].constant + through[b].factor * (Pass::load(f.x + x, at(b)) - channels[b].mean);
          Pass::store(f.dx + x, at(b), counts(row) ? dx : Number::set(0));
        }
      });
    });
  }

  static std::ptrdiff_t s(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }
  std::ptrdiff_t pixel(std::size_t p) const { return s(p * sizes_.channels); }
  std::size_t bias_index() const { return sizes_.has_weight ? 1 : 0; }
  /// Where the parameters of this inner step lie; steps beyond the last use the last.
  std::ptrdiff_t set_offset(int step) const {
    return s(std::min(static_cast<std::size_t>(step), sizes_.steps - 1) * sizes_.channels);
  }
  template <class Pass> bool reads_state(const Frame<Pass>& f) const {
    return f.evaluating && f.statistics == Statistics::running;
  }
  template <class Pass, class At> HWY_INLINE typename Pass::Number weight(const Frame<Pass>& f, At at) const {
    return sizes_.has_weight ? Pass::load(f.parameter[0] + set_offset(f.step), at) : Pass::Number::set(1);
  }

  /// What the gradient by an input has through mean and variance: constant + factor * (x - mean).
  template <class Number> struct Through { Number constant, factor; };

  /// The i-th value a channel of the cache.
  template <class Pass> typename Pass::Ref cached(const Frame<Pass>& f, std::size_t i) const {
    return f.cache + s(i * sizes_.channels);
  }

  /// Windows side by side, within one row of the batch where they are more than one pixel.
  struct Stretch {
    std::size_t row, windows;
    std::ptrdiff_t x, y;
  };
  template <class F> HWY_INLINE void each_stretch(const Rows& rows, F f) const {
    if (sizes_.window == 1) {  // all pixels of a row of the batch, or rows of one pixel, up to `run` at a time
      const std::size_t some = std::max<std::size_t>(1, sizes_.pixels == 1 ? run : 1);
      for (std::size_t row = rows.first; row < rows.last; row += some) {
        const std::size_t pixels = std::min(some, rows.last - row) * sizes_.pixels;
        if (sizes_.pixels == 1) {
          for (std::size_t i = 0; i < pixels; ++i) f(Stretch{row + i, 1, pixel(row + i), pixel(row + i)});
          continue;
        }
        for (std::size_t first = 0; first < pixels; first += run) {
          const std::ptrdiff_t at = pixel(row * sizes_.pixels + first);
          f(Stretch{row, std::min(run, pixels - first), at, at});
        }
      }
      return;
    }
    const std::size_t in[] = {sizes_.height, sizes_.width};
    const std::size_t out[] = {in[0] / sizes_.window, in[1] / sizes_.window};
    std::size_t y = rows.first * out[0] * out[1];
    for (std::size_t row = rows.first; row < rows.last; ++row)
      for (std::size_t i = 0; i < out[0]; ++i, y += out[1])
        f(Stretch{row, out[1], pixel((row * in[0] + i * sizes_.window) * in[1]), pixel(y)});
  }
  /// f(t, offset) for the pixels of a window, in reading order.
  template <std::size_t kSide, class F> HWY_INLINE void each_tap(F f) const {
    const std::size_t width = kSide == 1 ? 0 : sizes_.width;
    [&]<std::size_t... t>(std::index_sequence<t...>) HWY_ATTR {
      (f(std::integral_constant<std::size_t, t>(), pixel(t / kSide * width + t % kSide)), ...);
    }
    (std::make_index_sequence<kSide * kSide>());
  }
  /// f(row, offset) for every pixel that no window holds.
  template <class F> HWY_INLINE void each_leftover(const Rows& rows, F f) const {
    if (sizes_.window == 1) return;
    const std::size_t in[] = {sizes_.height, sizes_.width};
    const std::size_t out[] = {in[0] / sizes_.window, in[1] / sizes_.window};
    const std::size_t height = out[0] * sizes_.window, width = out[1] * sizes_.window;
    for (std::size_t row = rows.first; row < rows.last; ++row)
      for (std::size_t i = 0; i < in[0]; ++i)
        for (std::size_t j = i < height ? width : 0; j < in[1]; ++j) f(row, pixel((row * in[0] + i) * in[1] + j));
  }

  /// A block of channels: its statistics and parameters.
  template <class Pass> struct Channel {
    using Number = typename Pass::Number;
    Number mean, inverse, scale, bias;

    Channel() = default;
    template <class At>
    HWY_INLINE Channel(const BatchNormPass& layer, const Frame<Pass>& f, At at, Number mean_, Number inverse_)
        : mean(mean_), inverse(inverse_), scale(inverse * layer.weight<Pass>(f, at)),
          bias(Pass::load(f.parameter[layer.bias_index()] + layer.set_offset(f.step), at)) {}
    /// As forward left it.
    template <class At>
    HWY_INLINE Channel(const BatchNormPass& layer, const Frame<Pass>& f, At at)
        : Channel(layer, f, at, Pass::load(layer.cached(f, 0), at), Pass::load(layer.cached(f, 1), at)) {}

    HWY_INLINE Number normal(Number x) const { return (x - mean) * inverse; }
    HWY_INLINE Number normed(Number x) const { return (x - mean) * scale + bias; }
  };

  /// x where it is above 0, else slope x.
  template <class Number> struct Rectifier {
    typename Number::Plain slope;
    explicit HWY_INLINE Rectifier(double slope_) : slope(Number::Plain::set(slope_)) {}
    HWY_INLINE Number operator()(Number x) const { return select(greater(x, Number::set(0)), x, x * slope); }
    /// The gradient by x, from that by the result.
    HWY_INLINE Number backward(Number x, Number dy) const { return select(greater(x, Number::set(0)), dy, dy * slope); }
  };

  /// The pixels of a window, and the first of those whose normed values are the largest. Norm and rectifier do not
  /// change the order, save that weights below 0 turn it round.
  template <class Pass, std::size_t kSide, bool kFalls> struct Window {
    using Number = typename Pass::Number;
    Number x[4];
    Number best;

    template <class At>
    HWY_INLINE Window(const BatchNormPass& layer, const Frame<Pass>& f, const Channel<Pass>& channel,
                      std::ptrdiff_t offset, At at) {
      layer.template each_tap<kSide>([&](auto t, std::ptrdiff_t tap)
                                         HWY_ATTR { x[t] = Pass::load(f.x + (offset + tap), at); });
      best = better(channel, better(channel, x[0], x[1]), better(channel, x[2], x[3]));
    }
    /// What of dy goes to pixel t: all of it to the first that is best. To be asked in reading order; takes it from dy.
    HWY_INLINE Number share(std::size_t t, Number& dy) const {
      const auto wins = equal(x[t], best);
      const Number mine = select(wins, dy, Number::set(0));
      dy = select(wins, Number::set(0), dy);
      return mine;
    }

  private:
    static HWY_INLINE Number better(const Channel<Pass>& channel, Number a, Number b) {
      if constexpr (kFalls) return select(greater((b - a) * channel.scale, Number::set(0)), b, a);
      return select(greater(b, a), b, a);
    }
  };
  template <class Pass, bool kFalls> struct Window<Pass, 1, kFalls> {
    using Number = typename Pass::Number;
    Number best;

    template <class At>
    HWY_INLINE Window(const BatchNormPass&, const Frame<Pass>& f, const Channel<Pass>&, std::ptrdiff_t offset, At at)
        : best(Pass::load(f.x + offset, at)) {}
  };

  /// Mean, and sum of squared distances from it.
  template <class Number> struct Moments {
    Number mean, squares;
    static HWY_INLINE Moments none() { return {Number::set(0), Number::set(0)}; }

    /// These, of `before` values, with those of `count` more (Chan, Golub and LeVeque 1983).
    HWY_INLINE void join(std::size_t before, const Moments& more, std::size_t count) {
      using Plain = typename Number::Plain;
      const double weight = static_cast<double>(count) / static_cast<double>(before + count);
      const Number apart = more.mean - mean;
      mean = mean + apart * Plain::set(weight);
      squares = squares + more.squares + apart * apart * Plain::set(weight * static_cast<double>(before));
    }
  };

  std::size_t chunks(std::size_t rows) const { return (rows + sizes_.chunk_rows - 1) / sizes_.chunk_rows; }

  /// Moments of the frame's chunk of rows, or of every one, to the cache; joined from runs of positions.
  template <class Pass> void chunk_statistics(const Frame<Pass>& f) const {
    using Number = typename Pass::Number;
    const Rows rows = rows_of(f);
    const std::size_t last = std::min(rows.last, f.statistics_rows()), chunk_rows = sizes_.chunk_rows;
    for (std::size_t row = rows.first; row < last; row += chunk_rows) {
      const std::size_t positions = std::min(chunk_rows, last - row) * sizes_.pixels;
      const std::size_t to = first_chunk + 2 * (row / chunk_rows);
      Pass::template each_group<group>(sizes_.channels, [&](auto at, std::size_t blocks) HWY_ATTR {
        Moments<Number> all[group];
        for (std::size_t b = 0; b < blocks; ++b) all[b] = Moments<Number>::none();
        for (std::size_t begin = 0; begin < positions; begin += run) {
          const std::size_t count = std::min(run, positions - begin);
          const auto share = Number::Plain::set(1.0 / static_cast<double>(count));
          const auto x = f.x + pixel(row * sizes_.pixels + begin);
          for (std::size_t b = 0; b < blocks; ++b) {
            const auto load = [&](std::size_t p) HWY_ATTR { return Pass::load(x + pixel(p), at(b)); };
            Moments<Number> some;
            some.mean = sum_over<Number>(count, load) * share;
            some.squares = sum_over<Number>(count, [&](std::size_t p) HWY_ATTR {
              const Number distance = load(p) - some.mean;
              return distance * distance;
            });
            all[b].join(begin, some, count);
          }
        }
        for (std::size_t b = 0; b < blocks; ++b) {
          Pass::store(cached(f, to), at(b), all[b].mean);
          Pass::store(cached(f, to + 1), at(b), all[b].squares);
        }
      });
    }
  }

  /// Mean and variance of so many blocks of channels: those of all chunks, or the running ones.
  template <class Pass, class At>
  void statistics(const Frame<Pass>& f, At at, std::size_t blocks, typename Pass::Number* mean,
                  typename Pass::Number* variance) const {
    using Number = typename Pass::Number;
    const std::size_t rows = f.statistics_rows();
    for (std::size_t b = 0; b < blocks; ++b) {
      if (reads_state(f)) {
        mean[b] = Pass::load_constant(f.state + set_offset(f.step), at(b));
        variance[b] = Pass::load_constant(f.state + s(sizes_.steps * sizes_.channels) + set_offset(f.step), at(b));
        continue;
      }
      auto all = Moments<Number>::none();
      for (std::size_t i = 0; i < chunks(rows); ++i) {
        const std::size_t before = i * sizes_.chunk_rows, from = first_chunk + 2 * i;
        all.join(before * sizes_.pixels, {Pass::load(cached(f, from), at(b)), Pass::load(cached(f, from + 1), at(b))},
                 std::min(sizes_.chunk_rows, rows - before) * sizes_.pixels);
      }
      mean[b] = all.mean;
      variance[b] = all.squares * Number::Plain::set(1.0 / static_cast<double>(rows * sizes_.pixels));
    }
  }

  /// f(0) + .. + f(count - 1), in four sums that do not wait for each other.
  template <class Number, class F> static HWY_INLINE Number sum_over(std::size_t count, F f) {
    Number sums[4] = {Number::set(0), Number::set(0), Number::set(0), Number::set(0)};
    std::size_t p = 0;
    for (; p + 4 <= count; p += 4) MAML_UNROLL for (std::size_t i = 0; i < 4; ++i) sums[i] = sums[i] + f(p + i);
    for (; p < count; ++p) sums[0] = sums[0] + f(p);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

  /// Adds momentum * (statistic - state) to the state's delta. Values only: no tangent pass moves the state.
  template <class Pass, class At>
  void move_state(const Frame<Pass>& f, At at, typename Pass::Number mean, typename Pass::Number variance) const {
    if constexpr (std::is_same_v<typename Pass::Ref, typename Value<typename Pass::Scalar>::Ref>) {
      if (f.statistics != Statistics::running || !f.state_delta || !f.state) return;
      using Ref = typename Pass::Ref;
      const auto rate = Pass::Number::set(sizes_.momentum);
      const auto add = [&](std::ptrdiff_t offset, typename Pass::Number now) HWY_ATTR {
        const Ref delta{f.state_delta + offset};
        Pass::store(delta, at, Pass::load(delta, at) + rate * (now - Pass::load_constant(f.state + offset, at)));
      };
      add(set_offset(f.step), mean);
      add(s(sizes_.steps * sizes_.channels) + set_offset(f.step), variance);
    }
  }

  BatchNormSizes sizes_;
};

}  // namespace maml::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
