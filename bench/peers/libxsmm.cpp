// A convolution as LIBXSMM's batch-reduce products over taps. Its matrices lie by columns: A is weights or dy (channels
// adjacent), B is images, and a product's columns are pixels.

#include <algorithm>
#include <deque>
#include <libxsmm.h>
#include <memory>

#include "bench/peers/peer.h"
#include "maml/base/error.h"

namespace maml::bench {
namespace {

using Array = AlignedArray<float>;
using Kernel = libxsmm_smmfunction_reducebatch_offs;
using Offsets = std::vector<unsigned long long>;  // bytes

/// Where pixels lie: of an image, (row, column) at base + row x its stride + column x its stride; in the padding too.
struct Layout {
  std::size_t size, base, image, row, column;
  std::size_t at(std::ptrdiff_t r, std::ptrdiff_t c) const {
    return base + static_cast<std::size_t>(r) * row + static_cast<std::size_t>(c) * column;
  }
};

/// Results first, first + step, .. (`count` of them), and from which source each tap (k, source of the first) feeds the
/// first; from one result to the next the source moves by source_step. Sources may lie in the padding.
struct Line {
  struct Tap {
    std::size_t k;
    std::ptrdiff_t source;
  };
  std::size_t first, step, source_step, count;
  std::vector<Tap> taps;
};

/// All results of an axis in as few lines as can be; `back`: results are inputs and sources are outputs.
std::vector<Line> lines(const ConvAxis& a, bool back) {
  const auto s = [](std::size_t n) { return static_cast<std::ptrdiff_t>(n); };
  std::vector<Line> all;
  if (!back) {
    all.push_back({0, 1, a.stride, a.out, {}});
    for (std::size_t k = 0; k < a.kernel; ++k) all[0].taps.push_back({k, s(k) - s(a.before)});
    return all;
  }
  for (std::size_t phase = 0; phase < std::min(a.stride, a.in); ++phase) {
    Line line{phase, a.stride, 1, (a.in - phase + a.stride - 1) / a.stride, {}};
    for (std::size_t k = 0; k < a.kernel; ++k) {
      const std::ptrdiff_t ahead = s(phase + a.before) - s(k);
      if (ahead % s(a.stride) == 0) line.taps.push_back({k, ahead / s(a.stride)});
    }
    all.push_back(line);
  }
  return all;
}

/// The same with a line for each result, and of its taps those that fall on real sources.
std::vector<Line> points(const ConvAxis& a, bool back) {
  const std::ptrdiff_t sources = static_cast<std::ptrdiff_t>(back ? a.out : a.in);
  std::vector<Line> all;
  for (const Line& line : lines(a, back))
    for (std::size_t i = 0; i < line.count; ++i) {
      Line point{line.first + i * line.step, 1, 1, 1, {}};
      for (const auto& tap : line.taps) {
        const std::ptrdiff_t source = tap.source + static_cast<std::ptrdiff_t>(i * line.source_step);
        if (source >= 0 && source < sources) point.taps.push_back({tap.k, source});
      }
      all.push_back(point);
    }
  std::sort(all.begin(), all.end(), [](const Line& a1, const Line& a2) { return a1.first < a2.first; });
  return all;
}

/// `rows`: a product's columns are the pixels of one row, images padded left and right. `images`: they are a pixel of
/// some images, which lie side by side; no padding. `unfolded`: as `rows`, and the row taps of each output lie side by
/// side as if they were channels (thrice the memory), so that few channels make longer sums.
enum class Arrangement { rows, images, unfolded };

class Xsmm {
public:
  Xsmm(const Convolution& c, Pass pass, Arrangement arrangement) : c_(c), pass_(pass), arrangement_(arrangement) {
    const bool back = pass == Pass::inputs;
    source_channels_ = (back ? c.out : c.in) * joined();
    result_channels_ = back ? c.in : c.out;
    rows_ = points(c.rows, back);
    columns_ = arrangement == Arrangement::images ? points(c.columns, back) : lines(c.columns, back);
    if (arrangement == Arrangement::unfolded) columns_ = {{0, 1, 1, c.columns.out, {{0, 0}}}};
    lay_out(back);
    weights_ = pass == Pass::weights ? Array(c.w_size()) : packed_weights(back);
    if (pass == Pass::weights)
      plan_weights();
    else
      plan_images();
  }

  void run() const {
    for (const Job& job : jobs_)
      job.kernel(job.a, job.b, job.c, &job.count, job.a_offsets->data(), job.b_offsets->data());
  }

  std::vector<float> result() const {
    if (pass_ == Pass::weights) return {weights_.data(), weights_.data() + weights_.size()};
    const bool back = pass_ == Pass::inputs;
    std::vector<float> values(back ? c_.x_size() : c_.y_size());
    float* to = values.data();
    for (std::size_t n = 0; n < c_.images; ++n)
      for (std::size_t r = 0; r < (back ? c_.rows.in : c_.rows.out); ++r)
        for (std::size_t o = 0; o < (back ? c_.columns.in : c_.columns.out); ++o, to += result_channels_)
          std::copy_n(result_.data() + at(result_layout_, n, r, o), result_channels_, to);
    return values;
  }

private:
  struct Job {
    Kernel kernel;
    const float *a, *b;
    float* c;
    unsigned long long count;
    const Offsets *a_offsets, *b_offsets;
  };

  std::size_t joined() const { return arrangement_ == Arrangement::unfolded ? c_.columns.kernel : 1; }
  /// Images that lie side by side: a divisor of all.
  std::size_t together() const {
    if (arrangement_ != Arrangement::images) return 1;
    std::size_t n = std::min<std::size_t>(25, c_.images);
    while (c_.images % n != 0) --n;
    return n;
  }
  /// Where a pixel of an image lies.
  std::size_t at(const Layout& l, std::size_t n, std::size_t r, std::size_t o) const {
    return n / together() * l.image * together() + n % together() * image_step(l) +
           l.at(static_cast<std::ptrdiff_t>(r), static_cast<std::ptrdiff_t>(o));
  }
  std::size_t image_step(const Layout& l) const {
    return arrangement_ == Arrangement::images ? l.column / together() : l.image;
  }

  Layout layout(std::size_t height, std::size_t width, std::size_t channels, std::size_t left,
                std::size_t right) const {
    const std::size_t column = channels * together(), row = (left + width + right) * column;
    return {c_.images * height * (left + width + right) * channels, left * column, height * row / together(), row,
            column};
  }

  void lay_out(bool back) {
    const std::size_t width = arrangement_ == Arrangement::unfolded ? c_.columns.out
                              : back                                ? c_.columns.out
                                                                    : c_.columns.in;
    std::ptrdiff_t low = 0, high = static_cast<std::ptrdiff_t>(width) - 1;
    for (const Line& line : columns_)
      for (const auto& tap : line.taps) {
        low = std::min(low, tap.source);
        high = std::max(high, tap.source + static_cast<std::ptrdiff_t>((line.count - 1) * line.source_step));
      }
    source_layout_ = layout(back ? c_.rows.out : c_.rows.in, width, source_channels_, static_cast<std::size_t>(-low),
                            static_cast<std::size_t>(high + 1) - width);
    result_layout_ =
        layout(back ? c_.rows.in : c_.rows.out, back ? c_.columns.in : c_.columns.out, result_channels_, 0, 0);
    source_ = Array(source_layout_.size);
    result_ = Array(result_layout_.size);
    fill(source_, source_layout_, back ? c_.dy : c_.x, back ? c_.rows.out : c_.rows.in,
         back ? c_.columns.out : c_.columns.in, back ? c_.out : c_.in);
    if (pass_ == Pass::weights) fill(result_, result_layout_, c_.dy, c_.rows.out, c_.columns.out, c_.out);
  }

  void fill(Array& to, const Layout& l, const float* from, std::size_t height, std::size_t width,
            std::size_t channels) const {
    const bool unfold = arrangement_ == Arrangement::unfolded && &to == &source_;
    for (std::size_t n = 0; n < c_.images; ++n)
      for (std::size_t r = 0; r < height; ++r, from += width * channels)
        for (std::size_t o = 0; o < (unfold ? c_.columns.out : width); ++o) {
          float* place = to.data() + at(l, n, r, o);
          if (!unfold) std::copy_n(from + o * channels, channels, place);
          for (std::size_t k = 0; unfold && k < c_.columns.kernel; ++k)
            if (c_.columns.feeds(o, k))
              std::copy_n(from + c_.columns.pixel(o, k) * channels, channels, place + k * channels);
        }
  }

  /// Weights as A: results' channels adjacent.
  Array packed_weights(bool back) const {
    Array w(c_.w_size());
    for (std::size_t tap = 0; tap < c_.rows.kernel * c_.columns.kernel; ++tap)
      for (std::size_t i = 0; i < c_.in; ++i)
        for (std::size_t o = 0; o < c_.out; ++o)
          w[tap * c_.in * c_.out + (back ? o * c_.in + i : i * c_.out + o)] = c_.w[(tap * c_.in + i) * c_.out + o];
    return w;
  }
  std::size_t weight(std::size_t ky, std::size_t kx) const { return (ky * c_.columns.kernel + kx) * c_.in * c_.out; }

  static Kernel kernel(std::size_t m, std::size_t n, std::size_t k, std::size_t a_column, std::size_t b_column,
                       std::size_t c_column, bool add, bool b_transposed) {
    const auto s = [](std::size_t size) { return static_cast<libxsmm_blasint>(size); };
    const libxsmm_blasint lda = s(a_column), ldb = s(b_column), ldc = s(c_column);
    const float alpha = 1, beta = add ? 1 : 0;
    const int flags = b_transposed ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    const Kernel made =
        libxsmm_smmdispatch_reducebatch_offs(s(m), s(n), s(k), &lda, &ldb, &ldc, &alpha, &beta, &flags, nullptr);
    require(made != nullptr, "libxsmm", "makes no kernel ", m, " x ", n, " x ", k);
    return made;
  }

  const Offsets* keep(Offsets offsets) { return &offsets_.emplace_back(std::move(offsets)); }
  static unsigned long long bytes(std::size_t elements) { return elements * sizeof(float); }

  /// Forward and input gradient: each job one line of results, its batch the taps.
  void plan_images() {
    struct Sum {
      const Offsets *a, *b;
    };
    std::vector<Sum> sums;
    for (const Line& row : rows_)
      for (const Line& column : columns_) {
        Offsets a, b;
        for (const auto& ky : row.taps)
          for (const auto& kx : column.taps) {
            a.push_back(bytes(weight(ky.k, kx.k)));
            b.push_back(bytes(source_layout_.at(ky.source, kx.source)));
          }
        sums.push_back({keep(a), keep(b)});
      }
    const bool side_by_side = arrangement_ == Arrangement::images;
    for (std::size_t n = 0; n < c_.images; n += together()) {
      auto sum = sums.begin();
      for (const Line& row : rows_)
        for (const Line& column : columns_) {
          const std::size_t step = side_by_side ? source_channels_ : column.source_step * source_layout_.column;
          const std::size_t result_step = side_by_side ? result_channels_ : column.step * result_layout_.column;
          const Kernel call = kernel(result_channels_, side_by_side ? together() : column.count, source_channels_,
                                     result_channels_, step, result_step, false, false);
          jobs_.push_back({call, weights_.data(), source_.data() + n * source_layout_.image,
                           result_.data() + at(result_layout_, n, row.first, column.first), sum->a->size(), sum->a,
                           sum->b});
          ++sum;
        }
    }
  }

  /// Weight gradient: each job one tap over a block of lines, its batch the lines.
  void plan_weights() {
    constexpr std::size_t block_elements = 64 * 1024;  // of x and dy together: what a core's own cache holds
    const bool side_by_side = arrangement_ == Arrangement::images;
    const std::size_t taps = c_.rows.kernel * (arrangement_ == Arrangement::unfolded ? 1 : c_.columns.kernel);
    std::vector<bool> begun(taps);
    const std::size_t per_row = (source_layout_.row * c_.rows.stride + result_layout_.row), height = rows_.size();
    const std::size_t band = std::clamp<std::size_t>(block_elements / per_row, 1, height);
    const std::size_t many = std::max<std::size_t>(1, block_elements / (per_row * height)) * together();
    const std::size_t step = side_by_side ? source_channels_ : columns_[0].source_step * source_layout_.column;
    const std::size_t depth = side_by_side ? together() : columns_[0].count;
    for (std::size_t image = 0; image < c_.images; image += many)
      for (std::size_t begin = 0; begin < height; begin += band)
        for (std::size_t tap = 0; tap < taps; ++tap) {
          const std::size_t ky = tap / (taps / c_.rows.kernel), kx = tap % (taps / c_.rows.kernel);
          Offsets a, b;
          for (std::size_t n = image; n < std::min(image + many, c_.images); n += together())
            for (std::size_t r = begin; r < std::min(begin + band, height); ++r)
              for (const auto& row : rows_[r].taps)
                for (const Line& column : columns_)
                  for (const auto& along : column.taps)
                    if (row.k == ky && along.k == kx) {
                      a.push_back(bytes(at(result_layout_, n, r, column.first)));
                      b.push_back(bytes(n * source_layout_.image + source_layout_.at(row.source, along.source)));
                    }
          if (a.empty()) continue;
          const Kernel call = kernel(c_.out, source_channels_, depth, c_.out, step, c_.out, begun[tap], true);
          begun[tap] = true;
          const Offsets* a_kept = keep(a);
          jobs_.push_back(
              {call, result_.data(), source_.data(), weights_.data() + weight(ky, kx), a.size(), a_kept, keep(b)});
        }
  }

  const Convolution c_;
  const Pass pass_;
  const Arrangement arrangement_;
  std::size_t source_channels_, result_channels_;
  std::vector<Line> rows_, columns_;
  Layout source_layout_, result_layout_;
  Array source_, result_, weights_;  // for the weight gradient result_ is dy and weights_ what is computed
  std::deque<Offsets> offsets_;
  std::vector<Job> jobs_;
};

}  // namespace

std::vector<Form> libxsmm_forms(Isa isa, const Convolution& c, Pass pass) {
  static const int target = [isa] {
    libxsmm_init();
    libxsmm_set_target_archid(isa == Isa::avx512 ? LIBXSMM_X86_AVX512_CORE : LIBXSMM_X86_AVX2);
    return libxsmm_get_target_archid();
  }();
  require(target == (isa == Isa::avx512 ? LIBXSMM_X86_AVX512_CORE : LIBXSMM_X86_AVX2), "libxsmm", "does not aim at ",
          isa_name(isa));
  std::vector<Form> forms;
  const auto add = [&](const char* name, Arrangement arrangement) {
    const auto xsmm = std::make_shared<const Xsmm>(c, pass, arrangement);
    forms.push_back({name, [xsmm] { xsmm->run(); }, [xsmm] { return xsmm->result(); }});
  };
  add("rows", Arrangement::rows);
  add("images", Arrangement::images);
  if (c.in < 8 && pass != Pass::inputs) add("unfolded rows", Arrangement::unfolded);
  return forms;
}

}  // namespace maml::bench
