#include "maml/nn/conv_places.h"

#include <limits>
#include <new>
#include <type_traits>

namespace maml {

namespace {

/// Any function of a stretch; so what calls it is compiled once.
class StretchFunction {
public:
  template <class F>
  requires(!std::is_same_v<F, StretchFunction>) explicit StretchFunction(F& f)
      : object_(&f), call_([](void* object, const AxisStretch& stretch) { (*static_cast<F*>(object))(stretch); }) {}
  void operator()(const AxisStretch& stretch) const { call_(object_, stretch); }

private:
  void* object_;
  void (*call_)(void*, const AxisStretch&);
};

/// Joins results at a constant distance whose taps are the same and move with them; f(stretch) for each of them.
class Stretches {
public:
  Stretches(std::size_t step, std::size_t source_step, std::size_t k_step, std::ptrdiff_t tap_source_step,
            StretchFunction f)
      : next_{0, step, source_step, 0, 0, {0, 0}, static_cast<std::ptrdiff_t>(k_step), tap_source_step}, f_(f) {}

  /// Begins a result; its taps follow.
  void begin(std::size_t result) {
    next_.first = result;
    next_.count = 1;
    next_.taps = 0;
    next_.first_tap = {0, 0};
  }
  void add(std::size_t k, std::size_t source) {
    if (next_.taps++ == 0) next_.first_tap = {k, source};
  }
  void end() {
    if (last_.count > 0 && continues()) {
      ++last_.count;
    } else {
      finish();
      last_ = next_;
    }
  }
  void finish() {
    if (last_.count > 0) f_(last_);
    last_.count = 0;
  }

private:
  bool continues() const {
    if (next_.first != last_.first + last_.count * last_.step || next_.taps != last_.taps) return false;
    return next_.taps == 0 || (next_.first_tap.k == last_.first_tap.k &&
                               next_.first_tap.source == last_.first_tap.source + last_.count * last_.source_step);
  }

  AxisStretch next_, last_ = {};
  const StretchFunction f_;
};

void each_output_stretch(const ConvAxis& axis, StretchFunction f) {
  Stretches stretches(1, axis.stride, 1, 1, f);
  for (std::size_t o = 0; o < axis.out; ++o) {
    stretches.begin(o);
    for (std::size_t k = 0; k < axis.kernel; ++k)
      if (axis.feeds(o, k)) stretches.add(k, axis.pixel(o, k));
    stretches.end();
  }
  stretches.finish();
}

void each_input_stretch(const ConvAxis& axis, StretchFunction f) {
  Stretches stretches(axis.stride, 1, axis.stride, -1, f);
  for (std::size_t phase = 0; phase < axis.stride; ++phase) {
    for (std::size_t pixel = phase; pixel < axis.in; pixel += axis.stride) {
      stretches.begin(pixel);
      for (std::size_t k = 0; k < axis.kernel; ++k) {
        if (pixel + axis.before < k || (pixel + axis.before - k) % axis.stride != 0) continue;
        const std::size_t o = (pixel + axis.before - k) / axis.stride;
        if (o < axis.out) stretches.add(k, o);
      }
      stretches.end();
    }
  }
  stretches.finish();
}

void each_tap_stretch(const ConvAxis& axis, StretchFunction f) {
  Stretches stretches(1, axis.stride, 1, 1, f);
  for (std::size_t k = 0; k < axis.kernel; ++k) {
    for (std::size_t o = 0; o < axis.out; ++o) {
      if (!axis.feeds(o, k)) continue;
      stretches.begin(o);
      stretches.add(k, axis.pixel(o, k));
      stretches.end();
    }
    stretches.finish();
  }
}

void each_stretch_of(const ConvAxis& axis, ConvSums sums, StretchFunction f) {
  switch (sums) {
  case ConvSums::outputs:
    return each_output_stretch(axis, f);
  case ConvSums::inputs:
    return each_input_stretch(axis, f);
  case ConvSums::taps:
    return each_tap_stretch(axis, f);
  }
}
template <class F> void each_stretch(const ConvAxis& axis, ConvSums sums, F f) {
  each_stretch_of(axis, sums, StretchFunction(f));
}

std::int32_t place(std::size_t offset) {
  return static_cast<std::int32_t>(offset);
}

}  // namespace

template <class Place> ConvPlaces<Place>::ConvPlaces(const ConvPlan& plan) : plan_(plan) {
  constexpr std::size_t most = std::numeric_limits<std::int32_t>::max();
  const ConvImage& result = plan.result;
  const std::size_t pixels = result.height * result.width;
  images_ = std::clamp<std::size_t>(plan.block / pixels, 1, most / std::max(plan.source.size(), result.size()));
  band_ = pixels <= plan.block ? result.height : std::max<std::size_t>(1, plan.block / result.width);
  // Patches are all pairs of a stretch of rows and one of columns, so their lists are products of sums.
  std::size_t rows = 0, columns = 0, row_results = 0, column_results = 0, row_taps = 0, column_taps = 0;
  each_stretch(plan.rows, plan.sums, [&](const AxisStretch& r) {
    ++rows;
    row_results += rows_of_block(r);
    row_taps += r.taps;
  });
  each_stretch(plan.columns, plan.sums, [&](const AxisStretch& c) {
    ++columns;
    column_results += c.count;
    column_taps += c.taps;
  });
  patch_count_ = rows * columns;
  place_count_ = images_ * row_results * column_results;
  weight_count_ = plan.lists_weights ? row_taps * column_taps * plan.source.channels : 0;
}

template <class Place> std::size_t ConvPlaces<Place>::bytes() const {
  static_assert(alignof(Patch) <= 8 && sizeof(Place) == 8 && sizeof(Weight) == 8);
  return patch_count_ * sizeof(Patch) + place_count_ * sizeof(Place) + weight_count_ * sizeof(Weight);
}

template <class Place> void ConvPlaces<Place>::lay_out(void* memory) {
  auto* const patches = static_cast<Patch*>(memory);
  auto* next_place = reinterpret_cast<Place*>(patches + patch_count_);
  auto* next_weight = reinterpret_cast<Weight*>(next_place + place_count_);
  const ConvImage &source = plan_.source, &result = plan_.result;

  const auto add_places = [&](const AxisStretch& rows, const AxisStretch& columns) {
    for (std::size_t image = 0; image < images_; ++image)
      for (std::size_t i = 0; i < rows_of_block(rows); ++i)
        for (std::size_t j = 0; j < columns.count; ++j) {
          const std::size_t from =
              image * source.size() + i * source_row(rows) + j * columns.source_step * source.channels;
          const std::size_t to = image * result.size() + rows.first * result.width * result.channels +
                                 i * result_row(rows) + (columns.first + j * columns.step) * result.channels;
          new (next_place++) Place{place(from), place(to)};
        }
  };
  const auto add_weights = [&](const AxisStretch& rows, const AxisStretch& columns) {
    for (std::size_t i = 0; i < rows.taps; ++i)
      for (std::size_t j = 0; j < columns.taps; ++j) {
        const auto row = rows.tap(i), column = columns.tap(j);
        const std::size_t from = static_cast<std::size_t>(tap(row, column));
        const std::size_t to = (row.k * plan_.columns.kernel + column.k) * source.channels * result.channels;
        for (std::size_t channel = 0; channel < source.channels; ++channel)
          new (next_weight++) Weight{place(from + channel), place(to + channel * result.channels)};
      }
  };

  Patch* next = patches;
  each_stretch(plan_.rows, plan_.sums, [&](const AxisStretch& rows) {
    each_stretch(plan_.columns, plan_.sums, [&](const AxisStretch& columns) {
      const std::size_t weights = plan_.lists_weights ? rows.taps * columns.taps * source.channels : 0;
      new (next++) Patch{rows, columns, next_place, next_weight, weights};
      add_places(rows, columns);
      if (plan_.lists_weights) add_weights(rows, columns);
    });
  });
  patches_ = patches;
}

template class ConvPlaces<RowPlace>;
template class ConvPlaces<TermPlace>;

ConvLists::ConvLists(const ConvAxis& rows, const ConvAxis& columns, std::size_t in_, std::size_t out_)
    : in(in_), out(out_), kernel_columns(columns.kernel), taps(rows.kernel * columns.kernel) {
  const ConvImage inputs{rows.in, columns.in, in}, outputs{rows.out, columns.out, out};
  // Blocks: sums over terms go over both operands again for every tap, sums into rows only over the weights.
  constexpr std::size_t row_block = 400, term_block = 100;
  forward = ConvPlaces<RowPlace>({rows, columns, ConvSums::outputs, inputs, outputs, row_block, joins_taps()});
  input_gradient = ConvPlaces<RowPlace>({rows, columns, ConvSums::inputs, outputs, inputs, row_block, false});
  weight_gradient = ConvPlaces<TermPlace>(
      {rows, columns, joins_taps() ? ConvSums::outputs : ConvSums::taps, inputs, outputs, term_block, true});
}

void ConvLists::lay_out(void* memory) {
  auto* const bytes = static_cast<std::byte*>(memory);
  forward.lay_out(bytes);
  input_gradient.lay_out(bytes + forward.bytes());
  weight_gradient.lay_out(bytes + forward.bytes() + input_gradient.bytes());
}

}  // namespace maml
