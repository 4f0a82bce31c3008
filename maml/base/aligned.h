#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace maml {

/// Asks the system for large pages there, where it has any and waits to be asked: less is spent on finding pages.
void prefer_large_pages(void* memory, std::size_t bytes);

/// A fixed-size array of zeros, aligned for any vector load.
template <class T> class AlignedArray {
public:
  AlignedArray() = default;
  explicit AlignedArray(std::size_t size)
      : data_(static_cast<T*>(::operator new(size * sizeof(T) + 1, alignment))), size_(size) {
    prefer_large_pages(data_, size * sizeof(T));
    for (std::size_t i = 0; i < size; ++i) new (data_ + i) T();
  }
  ~AlignedArray() { ::operator delete(data_, alignment); }
  AlignedArray(AlignedArray&& other) noexcept { swap(other); }
  AlignedArray& operator=(AlignedArray&& other) noexcept {
    swap(other);
    return *this;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }

private:
  static constexpr std::align_val_t alignment{64};
  void swap(AlignedArray& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace maml
