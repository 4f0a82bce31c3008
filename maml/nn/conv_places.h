#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "maml/kernels/gathered.h"

namespace maml {

// How a convolution's sums lie over its images: along each axis, stretches of results that the same taps feed from real
// pixels. Padding is never touched, so it costs nothing. The lists lie in memory that somebody else owns.

/// One axis of a convolution with TensorFlow's padding.
struct ConvAxis {
  std::size_t in, out, kernel, stride, before;  ///< `before`: padding in front; SAME may pad one more behind

  static ConvAxis make(std::size_t in, std::size_t kernel, std::size_t stride, bool same) {
    if (!same) return {in, (in - kernel) / stride + 1, kernel, stride, 0};
    const std::size_t out = (in + stride - 1) / stride, reach = (out - 1) * stride + kernel;
    return {in, out, kernel, stride, (reach > in ? reach - in : 0) / 2};
  }
  /// Whether tap k of output o falls on a real pixel, and on which.
  bool feeds(std::size_t o, std::size_t k) const { return o * stride + k >= before && pixel(o, k) < in; }
  std::size_t pixel(std::size_t o, std::size_t k) const { return o * stride + k - before; }
  /// Pairs of an output and a tap that fall on real pixels.
  double taps() const {
    double sum = 0;
    for (std::size_t o = 0; o < out; ++o)
      for (std::size_t k = 0; k < kernel; ++k) sum += feeds(o, k);
    return sum;
  }
};

/// Results first, first + step, .. (`count` of them) to which the same taps contribute; from one result to the next a
/// tap's source moves by `source_step`.
struct AxisStretch {
  struct Tap {
    std::size_t k, source;  ///< source: of the first result
  };
  std::size_t first, step, source_step, count;
  /// The taps, which lie at equal distances: how many, the first, and from one to the next.
  std::size_t taps;
  Tap first_tap;
  std::ptrdiff_t k_step, tap_source_step;

  Tap tap(std::size_t i) const {
    const auto n = static_cast<std::ptrdiff_t>(i);
    return {first_tap.k + static_cast<std::size_t>(n * k_step),
            first_tap.source + static_cast<std::size_t>(n * tap_source_step)};
  }
};

/// Which sums: results are outputs and sources inputs; results are inputs and sources outputs (the gradient by the
/// inputs); as the first, but one stretch for each tap (the gradient by the weights).
enum class ConvSums { outputs, inputs, taps };

/// An H x W x C array.
struct ConvImage {
  std::size_t height, width, channels;
  std::size_t size() const { return height * width * channels; }
};

/// What a list of places is made for.
struct ConvPlan {
  ConvAxis rows, columns;
  ConvSums sums;
  ConvImage source, result;
  std::size_t block;   ///< results of a block, about
  bool lists_weights;  ///< whether patches list their places in the weights too
};

/// Rectangles of results over which the taps are the same, with lists of their places for gathered products. Place is
/// RowPlace or TermPlace: {offset in the source, offset in the result}.
///
/// Work goes by blocks of about so many results: several small images, or some rows of a large one. Places count from a
/// block's start in 32 bits, so a block has fewer images where those are very large; an image of either array has at
/// most 2^26 elements (checked_size).
template <class Place> class ConvPlaces {
public:
  /// {offset in the source, offset in the weights} of a tap and an input channel: the other kind of place.
  using Weight = std::conditional_t<std::is_same_v<Place, RowPlace>, TermPlace, RowPlace>;
  struct Patch {
    AxisStretch rows, columns;
    const Place* places;  ///< of one block
    const Weight* weights;
    std::size_t weight_count;
  };

  ConvPlaces() = default;
  /// Counts; the lists are made by `lay_out`.
  explicit ConvPlaces(const ConvPlan&);

  /// What the lists take, and making them there: memory aligned as operator new gives it, which stays as it is.
  std::size_t bytes() const;
  void lay_out(void* memory);

  /// f(patch, places, count, offset in the source, offset in the result) for every patch of every block; offsets are
  /// to be added to all of the places. done(first, count) after each block: its results, pixels of all images.
  template <class F, class Done> void each(std::size_t images, F f, Done done) const {
    const ConvImage &from = plan_.source, &to = plan_.result;
    for (std::size_t image = 0; image < images; image += images_) {
      const std::size_t some = std::min(images_, images - image);
      for (std::size_t begin = 0; begin < to.height; begin += band_) {
        const std::size_t end = std::min(begin + band_, to.height);
        for (std::size_t i = 0; i < patch_count_; ++i) {
          const Patch& patch = patches_[i];
          const auto [first, last] = within(patch.rows, begin, end);
          if (first >= last) continue;
          const std::size_t count = some * (last - first) * patch.columns.count;
          const std::size_t source = image * from.size() + first * source_row(patch.rows);
          const std::size_t result = image * to.size() + first * result_row(patch.rows);
          f(patch, patch.places, count, static_cast<std::ptrdiff_t>(source), static_cast<std::ptrdiff_t>(result));
        }
        done((image * to.height + begin) * to.width, (some * (end - begin)) * to.width);
      }
    }
  }
  template <class F> void each(std::size_t images, F f) const {
    each(images, f, [](std::size_t, std::size_t) {});
  }

  /// Where a tap's source lies, beside the places.
  std::ptrdiff_t tap(const AxisStretch::Tap& row, const AxisStretch::Tap& column) const {
    return static_cast<std::ptrdiff_t>((row.source * plan_.source.width + column.source) * plan_.source.channels);
  }

private:
  std::size_t source_row(const AxisStretch& rows) const {
    return rows.source_step * plan_.source.width * plan_.source.channels;
  }
  std::size_t result_row(const AxisStretch& rows) const {
    return rows.step * plan_.result.width * plan_.result.channels;
  }
  /// The most of a stretch's rows that lie in one block.
  std::size_t rows_of_block(const AxisStretch& rows) const {
    return std::min(rows.count, (band_ + rows.step - 1) / rows.step);
  }
  /// Which of a stretch's results lie in [begin, end).
  static std::pair<std::size_t, std::size_t> within(const AxisStretch& s, std::size_t begin, std::size_t end) {
    const auto until = [&](std::size_t x) {
      return x <= s.first ? 0 : std::min(s.count, (x - s.first + s.step - 1) / s.step);
    };
    return {until(begin), until(end)};
  }

  ConvPlan plan_ = {};
  std::size_t images_ = 1, band_ = 1;  // images of a block, and rows of results
  std::size_t patch_count_ = 0, place_count_ = 0, weight_count_ = 0;
  const Patch* patches_ = nullptr;
};

extern template class ConvPlaces<RowPlace>;
extern template class ConvPlaces<TermPlace>;

/// The lists of the three sums of a convolution, and the sizes that its passes go by.
class ConvLists {
public:
  ConvLists(const ConvAxis& rows, const ConvAxis& columns, std::size_t in, std::size_t out);

  std::size_t bytes() const { return forward.bytes() + input_gradient.bytes() + weight_gradient.bytes(); }
  void lay_out(void* memory);

  /// All taps in one product: worth more than long sums where channels are few.
  bool joins_taps() const { return in < 8; }

  std::size_t in, out;               ///< channels
  std::size_t kernel_columns, taps;  ///< of a kernel: its columns, and all its pixels
  ConvPlaces<RowPlace> forward, input_gradient;
  ConvPlaces<TermPlace> weight_gradient;
};

}  // namespace maml
