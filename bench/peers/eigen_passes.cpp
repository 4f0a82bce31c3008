// Compiled once per instruction set: MAML_EIGEN_PASSES is eigen_avx2 or eigen_avx512, and the macro Eigen renames the
// namespace, or the linker would keep one instruction set's templates for both.

#include "bench/peers/eigen_passes.h"

#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>
#include <cstring>

namespace maml::bench {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Map = Eigen::Map<Matrix>;
using ConstMap = Eigen::Map<const Matrix>;

Eigen::Index index(std::size_t n) {
  return static_cast<Eigen::Index>(n);
}

/// copy(patch's segment, x's segment or null for padding, count) for the taps of the output pixels [begin, end).
template <class Copy>
void each_segment(const Convolution& c, std::size_t begin, std::size_t end, float* patches, Copy copy) {
  const std::size_t per_image = c.rows.out * c.columns.out, k = c.columns.kernel;
  for (std::size_t p = begin; p < end; ++p) {
    const std::size_t image = p / per_image, r = p % per_image / c.columns.out, o = p % c.columns.out;
    // Taps [first, last) of this column fall on real pixels.
    const std::size_t left = o * c.columns.stride;
    const std::size_t first = left < c.columns.before ? c.columns.before - left : 0;
    const std::size_t room = c.columns.in + c.columns.before - left, last = room < k ? room : k;
    for (std::size_t ky = 0; ky < c.rows.kernel; ++ky, patches += k * c.in) {
      if (!c.rows.feeds(r, ky)) {
        copy(patches, nullptr, k * c.in);
        continue;
      }
      const std::size_t pixel = (image * c.rows.in + c.rows.pixel(r, ky)) * c.columns.in + c.columns.pixel(o, first);
      copy(patches, nullptr, first * c.in);
      copy(patches + first * c.in, c.x + pixel * c.in, (last - first) * c.in);
      copy(patches + last * c.in, nullptr, (k - last) * c.in);
    }
  }
}

void gather(const Convolution& c, std::size_t begin, std::size_t end, float* patches) {
  each_segment(c, begin, end, patches, [](float* to, const float* from, std::size_t count) {
    if (from)
      for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
    else
      for (std::size_t i = 0; i < count; ++i) to[i] = 0;
  });
}

/// f(first output pixel, count) for each block.
template <class F> void blocks(const Convolution& c, std::size_t block, F f) {
  const std::size_t pixels = c.images * c.rows.out * c.columns.out;
  for (std::size_t p = 0; p < pixels; p += block) f(p, block < pixels - p ? block : pixels - p);
}

Eigen::Index depth(const Convolution& c) {
  return index(c.rows.kernel * c.columns.kernel * c.in);
}

void forward(const Convolution& c, std::size_t block, float* patches, float* y) {
  const ConstMap w(c.w, depth(c), index(c.out));
  blocks(c, block, [&](std::size_t p, std::size_t count) {
    gather(c, p, p + count, patches);
    Map(y + p * c.out, index(count), index(c.out)).noalias() = ConstMap(patches, index(count), depth(c)) * w;
  });
}

void weights(const Convolution& c, std::size_t block, float* patches, float* dw) {
  Map sum(dw, depth(c), index(c.out));
  sum.setZero();
  blocks(c, block, [&](std::size_t p, std::size_t count) {
    gather(c, p, p + count, patches);
    sum.noalias() +=
        ConstMap(patches, index(count), depth(c)).transpose() * ConstMap(c.dy + p * c.out, index(count), index(c.out));
  });
}

void inputs(const Convolution& c, std::size_t block, float* patches, float* dx) {
  const ConstMap w(c.w, depth(c), index(c.out));
  std::memset(dx, 0, c.x_size() * sizeof(float));
  blocks(c, block, [&](std::size_t p, std::size_t count) {
    Map(patches, index(count), depth(c)).noalias() =
        ConstMap(c.dy + p * c.out, index(count), index(c.out)) * w.transpose();
    each_segment(c, p, p + count, patches, [&](const float* from, const float* place, std::size_t n) {
      if (!place) return;
      float* to = dx + (place - c.x);
      for (std::size_t i = 0; i < n; ++i) to[i] += from[i];
    });
  });
}

}  // namespace

const EigenPasses MAML_EIGEN_PASSES = {forward, weights, inputs};

}  // namespace maml::bench
