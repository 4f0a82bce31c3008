// Small dense matrices turned, compiled once per instruction set.

#if defined(MAML_KERNELS_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MAML_KERNELS_TRANSPOSE_INL_H_
#undef MAML_KERNELS_TRANSPOSE_INL_H_
#else
#define MAML_KERNELS_TRANSPOSE_INL_H_
#endif

#include "maml/kernels/product_pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace maml {
namespace HWY_NAMESPACE {

/// to (columns x rows) = from (rows x columns) transposed; both dense, apart from each other.
template <class T> void transpose(const T* from, std::size_t rows, std::size_t columns, T* to) {
  std::size_t whole = 0;
  if constexpr (std::is_floating_point_v<T>) {
    whole = rows / strip<T> * strip<T>;
    if (whole > 0) pack(from, 1, static_cast<std::ptrdiff_t>(columns), columns, whole, rows, to);
  }
  for (std::size_t j = 0; j < columns; ++j)
    for (std::size_t i = whole; i < rows; ++i) to[j * rows + i] = from[i * columns + j];
}

}  // namespace HWY_NAMESPACE
}  // namespace maml
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
