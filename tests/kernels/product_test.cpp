#include "maml/kernels/product.h"

#include <doctest/doctest.h>

#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#ifdef __unix__
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "maml/base/error.h"
#include "maml/kernels/isa.h"
#include "maml/kernels/peak.h"
#include "tests/support/same_bytes.h"

namespace {

using namespace maml;
using maml::test::same_bytes;

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa_supported(isa)) isas.push_back(isa);
  }
  return isas;
}

/// Puts the active instruction set back at the end of a test.
struct KeepIsa {
  Isa before = active_isa();
  ~KeepIsa() { use_isa(before); }
};

/// Numbers in [-1, 1) that repeat.
struct Numbers {
  std::uint64_t state;
  double next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state >> 11) * 0x1p-52 - 1.0;
  }
};

/// A matrix in an allocation that ends and begins with it, so that a sanitizer sees any access outside.
template <class T> struct Matrix {
  std::size_t size;
  std::unique_ptr<T[]> data;
  const T* origin;  // element (0, 0), which is the last in memory where strides are negative
  Matrix(std::size_t rows, std::size_t cols, std::ptrdiff_t row, std::ptrdiff_t col, Numbers& numbers)
      : size(0), data(nullptr), origin(nullptr) {
    if (rows == 0 || cols == 0) return;
    const std::ptrdiff_t last_row = static_cast<std::ptrdiff_t>(rows - 1) * row;
    const std::ptrdiff_t last_col = static_cast<std::ptrdiff_t>(cols - 1) * col;
    size = static_cast<std::size_t>(std::abs(last_row) + std::abs(last_col)) + 1;
    data.reset(new T[size]);
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<T>(numbers.next());
    origin = data.get() + (row < 0 ? -last_row : 0) + (col < 0 ? -last_col : 0);
  }
};

/// Strides of both operands, by name.
struct Layout {
  const char* name;
  ProductShape (*of)(std::ptrdiff_t m, std::ptrdiff_t n, std::ptrdiff_t k);
};

ProductShape shape_of(std::ptrdiff_t m, std::ptrdiff_t n, std::ptrdiff_t k, std::ptrdiff_t a_row, std::ptrdiff_t a_col,
                      std::ptrdiff_t b_row, std::ptrdiff_t b_col, std::ptrdiff_t c_row) {
  const auto size = [](std::ptrdiff_t x) { return static_cast<std::size_t>(x); };
  return {size(m), size(n), size(k), a_row, a_col, b_row, b_col, c_row};
}

constexpr Layout layouts[] = {
    {"plain", [](auto m, auto n, auto k) { return shape_of(m, n, k, k, 1, n, 1, n); }},
    {"weight gradient", [](auto m, auto n, auto k) { return shape_of(m, n, k, 1, m, n, 1, n); }},
    {"input gradient", [](auto m, auto n, auto k) { return shape_of(m, n, k, k, 1, 1, k, n); }},
    {"both transposed", [](auto m, auto n, auto k) { return shape_of(m, n, k, 1, m, 1, k, n); }},
    {"padded rows", [](auto m, auto n, auto k) { return shape_of(m, n, k, k + 3, 1, n + 2, 1, n + 5); }},
    {"padded transposes", [](auto m, auto n, auto k) { return shape_of(m, n, k, 1, m + 1, 1, k + 2, n + 3); }},
    {"every other", [](auto m, auto n, auto k) { return shape_of(m, n, k, 2 * k + 1, 2, 3 * n, 3, n + 1); }},
    {"backwards", [](auto m, auto n, auto k) { return shape_of(m, n, k, -k, -1, -n, 1, n); }},
    {"backwards columns", [](auto m, auto n, auto k) { return shape_of(m, n, k, k, -1, -1, -k, n); }},
    {"one row for all", [](auto m, auto n, auto k) { return shape_of(m, n, k, 0, 1, n, 1, n); }},
};

template <class T> struct Problem {
  ProductShape shape;
  std::vector<Matrix<T>> a, b;
  std::vector<ProductPair<T>> pairs;
  std::unique_ptr<T[]> bias;
  Problem(const ProductShape& s, std::size_t count, Numbers& numbers) : shape(s), bias(new T[s.n]) {
    for (std::size_t r = 0; r < count; ++r) {
      a.emplace_back(s.m, s.k, s.a_row, s.a_col, numbers);
      b.emplace_back(s.k, s.n, s.b_row, s.b_col, numbers);
      pairs.push_back({a.back().origin, b.back().origin});
    }
    for (std::size_t i = 0; i < s.n; ++i) bias[i] = static_cast<T>(numbers.next());
  }
  std::size_t c_size() const {
    return shape.m == 0 ? 0 : (shape.m - 1) * static_cast<std::size_t>(shape.c_row) + shape.n;
  }
};

enum class Start { zero, bias, c };

/// Compares one product with the reference in double on the same numbers: all inside the bound
/// eps * (terms + 1) * (sum of magnitudes), and the padding between C's rows as it was. Empty, or what went wrong.
template <class T> std::string check(const Problem<T>& p, Start start, Numbers& numbers) {
  const ProductShape& s = p.shape;
  const std::size_t size = p.c_size();
  std::unique_ptr<T[]> c(new T[size]), before(new T[size]);
  for (std::size_t i = 0; i < size; ++i) before[i] = c[i] = static_cast<T>(numbers.next());
  product(s, p.pairs.data(), p.pairs.size(), start == Start::bias ? p.bias.get() : nullptr,
          start == Start::c ? Into::accumulate : Into::overwrite, c.get());

  const auto fault = [&](const char* what, std::size_t i, std::size_t l) {
    return std::string(what) + " at " + std::to_string(i) + ", " + std::to_string(l);
  };
  for (std::size_t i = 0; i < s.m; ++i) {
    const std::size_t row = i * static_cast<std::size_t>(s.c_row);
    for (std::size_t l = 0; l < s.n; ++l) {
      long double sum = start == Start::bias ? p.bias[l] : start == Start::c ? before[row + l] : T(0);
      long double magnitude = std::abs(sum);
      for (const ProductPair<T>& pair : p.pairs) {
        for (std::size_t j = 0; j < s.k; ++j) {
          const long double term =
              static_cast<long double>(
                  pair.a[static_cast<std::ptrdiff_t>(i) * s.a_row + static_cast<std::ptrdiff_t>(j) * s.a_col]) *
              pair.b[static_cast<std::ptrdiff_t>(j) * s.b_row + static_cast<std::ptrdiff_t>(l) * s.b_col];
          sum += term;
          magnitude += std::abs(term);
        }
      }
      const long double terms = static_cast<long double>(p.pairs.size() * s.k + 1);
      const long double bound = std::numeric_limits<T>::epsilon() * terms * magnitude;
      if (!(std::abs(c[row + l] - sum) <= bound)) return fault("wrong", i, l);
    }
    const std::size_t end = std::min(size, row + static_cast<std::size_t>(s.c_row));
    for (std::size_t x = row + s.n; x < end; ++x) {
      if (c[x] != before[x]) return fault("padding written", i, x - row);
    }
  }
  return {};
}

template <class T>
void sweep(const std::vector<std::size_t>& ms, const std::vector<std::size_t>& ns, const std::vector<std::size_t>& ks) {
  const KeepIsa keep;
  for (const Isa isa : supported_isas()) {
    use_isa(isa);
    Numbers numbers{1};
    std::size_t turn = 0;
    for (const Layout& layout : layouts) {
      for (const std::size_t m : ms) {
        for (const std::size_t n : ns) {
          for (const std::size_t k : ks) {
            const auto of = [](std::size_t x) { return static_cast<std::ptrdiff_t>(x); };
            const ProductShape shape = layout.of(of(m), of(n), of(k));
            const std::size_t count = turn % 4 == 3 ? 0 : turn % 4 + 1;
            const auto start = static_cast<Start>(turn % 3);
            ++turn;
            const std::string fault = check(Problem<T>(shape, count, numbers), start, numbers);
            INFO(isa_name(isa) << " " << layout.name << " m " << m << " n " << n << " k " << k << " pairs " << count
                               << " start " << static_cast<int>(start));
            REQUIRE(fault == "");
          }
        }
      }
    }
  }
}

const std::vector<std::size_t> ragged = {0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40};

TEST_CASE_TEMPLATE("product agrees with plain sums on ragged sizes and strides", T, float, double) {
  sweep<T>(ragged, ragged, ragged);
}

TEST_CASE_TEMPLATE("product agrees with plain sums where operands exceed the packing buffer", T, float, double) {
  sweep<T>({1, 25}, {64, 65, 131}, {49, 300, 784});
}

TEST_CASE_TEMPLATE("long lists of pairs, longer than one packing group", T, float, double) {
  const KeepIsa keep;
  for (const Isa isa : supported_isas()) {
    use_isa(isa);
    Numbers numbers{2};
    for (const Layout& layout : layouts) {
      for (const std::ptrdiff_t k : {1, 3, 40, 64}) {
        for (const std::size_t count : {9u, 18u, 37u}) {
          INFO(isa_name(isa) << " " << layout.name << " k " << k << " pairs " << count);
          REQUIRE(check(Problem<T>(layout.of(7, 13, k), count, numbers), Start::c, numbers) == "");
          REQUIRE(check(Problem<T>(layout.of(7, 1, k), count, numbers), Start::bias, numbers) == "");
        }
      }
    }
  }
}

/// The bytes of C for the rows `first` .. `first + m` and columns `left` .. `left + n` of a larger problem.
template <class T>
std::vector<T> part_of(const Problem<T>& p, std::size_t first, std::size_t m, std::size_t left, std::size_t n,
                       std::size_t misalign) {
  ProductShape s = p.shape;
  s.m = m, s.n = n, s.c_row = static_cast<std::ptrdiff_t>(n);
  std::vector<ProductPair<T>> pairs;
  for (const ProductPair<T>& pair : p.pairs) {
    pairs.push_back(
        {pair.a + static_cast<std::ptrdiff_t>(first) * s.a_row, pair.b + static_cast<std::ptrdiff_t>(left) * s.b_col});
  }
  std::vector<T> c(m * n + misalign);
  product(s, pairs.data(), pairs.size(), p.bias.get() + left, Into::overwrite, c.data() + misalign);
  c.erase(c.begin(), c.begin() + static_cast<std::ptrdiff_t>(misalign));
  return c;
}

TEST_CASE_TEMPLATE("an element has the same bytes alone, among other rows and columns, at any alignment", T, float,
                   double) {
  const KeepIsa keep;
  for (const Isa isa : supported_isas()) {
    use_isa(isa);
    Numbers numbers{3};
    for (const Layout& layout : layouts) {
      const Problem<T> p(layout.of(50, 40, 37), 2, numbers);
      const std::vector<T> all = part_of(p, 0, 50, 0, 40, 0);
      for (const std::size_t m : {1u, 5u, 10u}) {
        for (std::size_t first = 0; first < 50; first += m) {
          INFO(isa_name(isa) << " " << layout.name << " rows " << m);
          const std::vector<T> task = part_of(p, first, m, 0, 40, first % 3);
          REQUIRE(same_bytes(task.data(), all.data() + first * 40, task.size()));
        }
      }
      for (const std::size_t n : {2u, 5u, 8u, 20u}) {
        for (std::size_t left = 0; left < 40; left += n) {
          const std::vector<T> task = part_of(p, 0, 50, left, n, left % 5);
          for (std::size_t i = 0; i < 50; ++i) {
            INFO(isa_name(isa) << " " << layout.name << " columns " << n);
            REQUIRE(same_bytes(&task[i * n], &all[i * 40 + left], n));
          }
        }
      }
    }
    // Dot products have their own order, but it does not depend on the other rows either.
    const Problem<T> dots(shape_of(50, 1, 37, 37, 1, 1, 1, 1), 2, numbers);
    const std::vector<T> all = part_of(dots, 0, 50, 0, 1, 0);
    for (std::size_t i = 0; i < 50; ++i) REQUIRE(part_of(dots, i, 1, 0, 1, 0)[0] == all[i]);
  }
}

TEST_CASE_TEMPLATE("instruction sets with FMA give the same bytes", T, float, double) {
  if (!isa_supported(Isa::avx512)) return;
  const KeepIsa keep;
  Numbers numbers{4};
  for (const Layout& layout : layouts) {
    const Problem<T> p(layout.of(13, 40, 37), 3, numbers);
    use_isa(Isa::avx2);
    const std::vector<T> narrow = part_of(p, 0, 13, 0, 40, 0);
    use_isa(Isa::avx512);
    const std::vector<T> wide = part_of(p, 0, 13, 0, 40, 0);
    INFO(layout.name);
    CHECK(same_bytes(narrow.data(), wide.data(), wide.size()));
  }
}

#ifdef __unix__
/// Memory whose end (and the pages behind it) must not be read: sanitizers do not see masked loads.
class Guarded {
public:
  Guarded() : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))), size_((65536 + page_ - 1) / page_ * page_) {
    base_ = static_cast<char*>(mmap(nullptr, size_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(base_ != MAP_FAILED);
    REQUIRE(mprotect(base_ + page_, size_, PROT_READ | PROT_WRITE) == 0);
  }
  ~Guarded() { munmap(base_, size_ + 2 * page_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  template <class T> T* first() const { return reinterpret_cast<T*>(base_ + page_); }
  template <class T> T* last(std::size_t count) const {
    return reinterpret_cast<T*>(base_ + page_ + size_ - count * sizeof(T));
  }

private:
  std::size_t page_, size_;
  char* base_;
};

TEST_CASE_TEMPLATE("ragged products next to memory that must not be touched", T, float, double) {
  const KeepIsa keep;
  const Guarded a, b, c, bias;
  for (const Isa isa : supported_isas()) {
    use_isa(isa);
    for (const Layout& layout : layouts) {
      if (std::string(layout.name).find("backwards") == 0) continue;
      for (std::size_t n = 1; n <= 20; ++n) {
        for (const std::size_t k : {1u, 3u, 7u, 18u}) {
          const auto of = [](std::size_t x) { return static_cast<std::ptrdiff_t>(x); };
          const ProductShape s = layout.of(3, of(n), of(k));
          const auto size = [&](std::size_t rows, std::size_t cols, std::ptrdiff_t row, std::ptrdiff_t col) {
            return (rows - 1) * static_cast<std::size_t>(row) + (cols - 1) * static_cast<std::size_t>(col) + 1;
          };
          const std::size_t a_size = size(3, k, s.a_row, s.a_col), b_size = size(k, n, s.b_row, s.b_col),
                            c_size = size(3, n, s.c_row, 1);
          const ProductPair<T> high{a.last<T>(a_size), b.last<T>(b_size)}, low{a.first<T>(), b.first<T>()};
          product(s, &high, 1, bias.last<T>(n), Into::overwrite, c.last<T>(c_size));
          product(s, &low, 1, nullptr, Into::accumulate, c.first<T>());
        }
      }
    }
  }
}
#endif

TEST_CASE("the reference takes complex numbers and every start") {
  using C = std::complex<double>;
  const C a[] = {{1, 2}, {3, -1}}, b[] = {{0, 1}, {2, 2}}, bias[] = {{10, 0}};
  const ProductPair<C> pair{a, b};
  const ProductShape shape{1, 1, 2, 2, 1, 1, 1, 1};
  C c{7, 7};
  reference_product(shape, &pair, 1, bias, Into::overwrite, &c);
  CHECK(c == C(10, 0) + a[0] * b[0] + a[1] * b[1]);
  reference_product(shape, &pair, 1, nullptr, Into::accumulate, &c);
  CHECK(c == C(10, 0) + 2.0 * (a[0] * b[0] + a[1] * b[1]));
}

TEST_CASE("the instruction set follows use_isa, and one the CPU lacks is refused") {
  const KeepIsa keep;
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa_supported(isa)) {
      use_isa(isa);
      CHECK(active_isa() == isa);
    } else {
      CHECK_THROWS_AS(use_isa(isa), Error);
      CHECK_THROWS_AS(measure_peak_gflops(1, false, isa), Error);
    }
  }
  CHECK_THROWS_AS(measure_peak_gflops(0, false, Isa::baseline), Error);
}

}  // namespace
