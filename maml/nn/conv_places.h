#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace maml {

// How a convolution's sums lie over its images: along each axis, stretches of results that the same taps feed from real
// pixels. Padding is never touched, so it costs nothing.

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
    bool operator==(const Tap&) const = default;
  };
  std::size_t first, step, source_step, count;
  std::vector<Tap> taps;
};

/// Results are outputs, sources are inputs.
std::vector<AxisStretch> forward_stretches(const ConvAxis&);
/// Results are inputs, sources are outputs (the gradient by the inputs).
std::vector<AxisStretch> input_gradient_stretches(const ConvAxis&);
/// Results are outputs, sources are inputs; one stretch a tap (the gradient by the weights).
std::vector<AxisStretch> tap_stretches(const ConvAxis&);

/// An H x W x C array.
struct ConvImage {
  std::size_t height, width, channels;
  std::size_t size() const { return height * width * channels; }
};

/// Rectangles of results over which the taps are the same, with lists of their places for gathered products. Place is
/// RowPlace or TermPlace: {offset in the source, offset in the result}.
///
/// Work goes by blocks of about so many results: several small images, or some rows of a large one. Places count from a
/// block's start in 32 bits, so a block has fewer images where those are very large; an image of either array has at
/// most 2^26 elements (checked_size).
template <class Place> class ConvPlaces {
public:
  struct Patch {
    AxisStretch rows, columns;
    std::vector<Place> places;  ///< of one block
    std::size_t index;          ///< of all patches
  };

  ConvPlaces() = default;
  ConvPlaces(const std::vector<AxisStretch>& rows, const std::vector<AxisStretch>& columns, ConvImage source,
             ConvImage result, std::size_t block)
      : source_(source), result_(result) {
    constexpr std::size_t most = std::numeric_limits<std::int32_t>::max();
    const std::size_t pixels = result.height * result.width;
    images_ = std::clamp<std::size_t>(block / pixels, 1, most / std::max(source.size(), result.size()));
    band_ = pixels <= block ? result.height : std::max<std::size_t>(1, block / result.width);
    for (const auto& r : rows)
      for (const auto& c : columns) patches_.push_back({r, c, places(r, c), patches_.size()});
  }

  /// f(patch, places, count, offset in the source, offset in the result) for every patch of every block; offsets are
  /// to be added to all of the places. done(first, count) after each block: its results, pixels of all images.
  template <class F, class Done> void each(std::size_t images, F f, Done done) const {
    for (std::size_t image = 0; image < images; image += images_) {
      const std::size_t some = std::min(images_, images - image);
      for (std::size_t begin = 0; begin < result_.height; begin += band_) {
        const std::size_t end = std::min(begin + band_, result_.height);
        for (const Patch& patch : patches_) {
          const auto [first, last] = within(patch.rows, begin, end);
          if (first >= last) continue;
          const std::size_t count = some * (last - first) * patch.columns.count;
          const std::size_t source = image * source_.size() + first * source_row(patch.rows);
          const std::size_t result = image * result_.size() + first * result_row(patch.rows);
          f(patch, patch.places.data(), count, static_cast<std::ptrdiff_t>(source),
            static_cast<std::ptrdiff_t>(result));
        }
        done((image * result_.height + begin) * result_.width, (some * (end - begin)) * result_.width);
      }
    }
  }
  template <class F> void each(std::size_t images, F f) const {
    each(images, f, [](std::size_t, std::size_t) {});
  }

  const std::vector<Patch>& patches() const { return patches_; }

  /// Where a tap's source lies, beside the places.
  std::ptrdiff_t tap(const AxisStretch::Tap& row, const AxisStretch::Tap& column) const {
    return static_cast<std::ptrdiff_t>((row.source * source_.width + column.source) * source_.channels);
  }

private:
  std::size_t source_row(const AxisStretch& rows) const { return rows.source_step * source_.width * source_.channels; }
  std::size_t result_row(const AxisStretch& rows) const { return rows.step * result_.width * result_.channels; }

  /// Which of a stretch's results lie in [begin, end).
  static std::pair<std::size_t, std::size_t> within(const AxisStretch& s, std::size_t begin, std::size_t end) {
    const auto until = [&](std::size_t x) {
      return x <= s.first ? 0 : std::min(s.count, (x - s.first + s.step - 1) / s.step);
    };
    return {until(begin), until(end)};
  }

  std::vector<Place> places(const AxisStretch& rows, const AxisStretch& columns) const {
    const std::size_t some = std::min(rows.count, (band_ + rows.step - 1) / rows.step);
    std::vector<Place> list;
    list.reserve(images_ * some * columns.count);
    for (std::size_t image = 0; image < images_; ++image)
      for (std::size_t i = 0; i < some; ++i)
        for (std::size_t j = 0; j < columns.count; ++j) {
          const std::size_t source =
              image * source_.size() + i * source_row(rows) + j * columns.source_step * source_.channels;
          const std::size_t result = image * result_.size() + rows.first * result_.width * result_.channels +
                                     i * result_row(rows) + (columns.first + j * columns.step) * result_.channels;
          list.push_back({static_cast<std::int32_t>(source), static_cast<std::int32_t>(result)});
        }
    return list;
  }

  ConvImage source_{}, result_{};
  std::size_t images_ = 1, band_ = 1;  // images of a block, and rows of results
  std::vector<Patch> patches_;
};

}  // namespace maml
