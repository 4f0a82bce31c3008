#include "maml/kernels/gathered.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "maml/base/rng.h"
#include "maml/kernels/isa.h"

using namespace maml;

namespace {

struct IsaGuard {
  Isa before = active_isa();
  ~IsaGuard() { use_isa(before); }
};

/// Random numbers in an allocation of just that size, so that a sanitizer sees any access outside.
template <class T> std::unique_ptr<T[]> numbers(Rng& rng, std::size_t n) {
  std::unique_ptr<T[]> values(new T[n]);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<T>(rng.uniform(-1, 1));
  return values;
}

struct Sizes {
  std::size_t m, n, k;
};
const Sizes sizes[] = {{1, 1, 1}, {3, 5, 2}, {6, 16, 9}, {7, 33, 4}, {13, 64, 12}, {25, 48, 7}, {2, 70, 3}, {40, 8, 1}};
constexpr std::size_t pairs = 3;

/// Rows, `width` long, in any order and with gaps; the last ends where the allocation does.
std::vector<std::int32_t> scattered(std::size_t count, std::size_t width, std::size_t seed) {
  std::vector<std::int32_t> places(count);
  for (std::size_t i = 0; i < count; ++i) places[i] = static_cast<std::int32_t>((i * 11 + seed) % count * (width + 2));
  return places;
}
std::size_t extent(std::size_t count, std::size_t width) {
  return count == 0 ? 0 : (count - 1) * (width + 2) + width;
}

template <class T> struct Operands {
  std::vector<std::unique_ptr<T[]>> a, b;
  std::vector<ProductPair<T>> list;
  std::unique_ptr<T[]> bias;
  Operands(Rng& rng, std::size_t a_size, std::size_t b_size, std::size_t n) : bias(numbers<T>(rng, n)) {
    for (std::size_t r = 0; r < pairs; ++r) {
      a.push_back(numbers<T>(rng, a_size));
      b.push_back(numbers<T>(rng, b_size));
      list.push_back({a.back().get(), b.back().get()});
    }
  }
};

template <class T> void require_close(const T* got, const std::vector<long double>& exact, const Sizes& s) {
  const long double bound =
      std::numeric_limits<T>::epsilon() * static_cast<long double>((pairs * s.k + 1) * (pairs * s.k + 1));
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < exact.size(); ++i)
    wrong += !(std::abs(static_cast<long double>(got[i]) - exact[i]) <= bound);
  CHECK(wrong == 0);
}

/// The product of that form on the active instruction set: C, which begins with `start`.
template <class T>
std::vector<T> rows_result(const Sizes& s, const Operands<T>& o, Into into, const T* start, bool plain) {
  const auto a = scattered(s.m, s.k, 3), c = scattered(s.m, s.n, 5);
  std::vector<RowPlace> places;
  for (std::size_t i = 0; i < s.m; ++i) places.push_back({a[i], c[i]});
  std::vector<T> out(start, start + extent(s.m, s.n));
  const RowsShape shape{places.data(), s.m, s.n, s.k, static_cast<std::ptrdiff_t>(s.n + 1)};
  const T* bias = into == Into::overwrite ? o.bias.get() : nullptr;
  if (plain)
    reference_rows_product(shape, o.list.data(), pairs, bias, into, out.data());
  else
    rows_product(shape, o.list.data(), pairs, bias, into, out.data());
  return out;
}
template <class T>
std::vector<T> terms_result(const Sizes& s, const Operands<T>& o, Into into, const T* start, bool plain) {
  const auto a = scattered(s.k, s.m, 3), b = scattered(s.k, s.n, 5), c = scattered(s.m, s.n, 7);
  std::vector<TermPlace> places;
  for (std::size_t j = 0; j < s.k; ++j) places.push_back({a[j], b[j]});
  std::vector<RowPlace> rows;  // of A in falling order
  for (std::size_t i = 0; i < s.m; ++i) rows.push_back({static_cast<std::int32_t>(s.m - 1 - i), c[i]});
  std::vector<T> out(start, start + extent(s.m, s.n));
  const TermsShape shape{rows.data(), places.data(), s.m, s.n, s.k};
  const T* bias = into == Into::overwrite ? o.bias.get() : nullptr;
  if (plain)
    reference_terms_product(shape, o.list.data(), pairs, bias, into, out.data());
  else
    terms_product(shape, o.list.data(), pairs, bias, into, out.data());
  return out;
}

template <class T, class Result>
void check_form(std::size_t a_width, std::size_t b_width, const Sizes& s, Result result) {
  Rng rng(1, Purpose::train_task, 0, static_cast<std::uint32_t>(s.m * 100 + s.n));
  const Operands<T> operands(rng, a_width, b_width, s.n);
  const auto start = numbers<T>(rng, extent(s.m, s.n));
  for (const Into into : {Into::overwrite, Into::accumulate}) {
    const auto plain = result(s, operands, into, start.get(), true);
    const std::vector<long double> exact(plain.begin(), plain.end());
    std::vector<T> avx2;
    for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
      if (!isa_supported(isa)) continue;
      use_isa(isa);
      const auto got = result(s, operands, into, start.get(), false);
      INFO(s.m, " x ", s.n, " x ", s.k, " on ", std::string(isa_name(isa)));
      require_close(got.data(), exact, s);
      if (isa == Isa::avx2) avx2 = got;
      if (isa == Isa::avx512) CHECK(got == avx2);
    }
  }
}

template <class T> void check_all() {
  for (const Sizes& s : sizes) {
    check_form<T>(extent(s.m, s.k), (s.k - 1) * (s.n + 1) + s.n, s, rows_result<T>);
    check_form<T>(extent(s.k, s.m), extent(s.k, s.n), s, terms_result<T>);
  }
}

}  // namespace

TEST_CASE("gathered products: as the plain loops, on every instruction set, and nothing else is touched") {
  const IsaGuard guard;
  check_all<float>();
  check_all<double>();
}

TEST_CASE("gathered products: an empty list gives the start value") {
  const RowPlace places[] = {{0, 3}, {0, 0}};
  const float bias[] = {1, 2, 3};
  float c[6] = {9, 9, 9, 9, 9, 9};
  rows_product<float>(RowsShape{places, 2, 3, 4, 3}, nullptr, 0, bias, Into::overwrite, c);
  CHECK(std::vector<float>(c, c + 6) == std::vector<float>{1, 2, 3, 1, 2, 3});
  rows_product<float>(RowsShape{places, 2, 3, 4, 3}, nullptr, 0, nullptr, Into::accumulate, c);
  CHECK(std::vector<float>(c, c + 6) == std::vector<float>{1, 2, 3, 1, 2, 3});
  rows_product<float>(RowsShape{places, 2, 3, 4, 3}, nullptr, 0, nullptr, Into::overwrite, c);
  CHECK(std::vector<float>(c, c + 6) == std::vector<float>(6));
}
