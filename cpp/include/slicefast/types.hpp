// Views and small shared types: NumPy (or std::vector in the tests) owns the memory, the core sees spans.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace slicefast {

// A row-major matrix view: element (i, j) is data[i * cols + j].
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;

  T& operator()(std::size_t i, std::size_t j) const { return data[i * cols + j]; }
  std::span<T> row(std::size_t i) const { return {data + i * cols, cols}; }
  std::span<T> flat() const { return {data, rows * cols}; }
  bool empty() const { return data == nullptr || rows == 0 || cols == 0; }
  operator MatrixView<const T>() const { return {data, rows, cols}; }
};

template <class T>
using ConstMatrixView = MatrixView<const T>;

// A matrix that owns its memory, for workspaces inside the core.
template <class T>
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t cols, T value = T{}) : rows_(rows), cols_(cols), data_(rows * cols, value) {}
  T& operator()(std::size_t i, std::size_t j) { return data_[i * cols_ + j]; }
  const T& operator()(std::size_t i, std::size_t j) const { return data_[i * cols_ + j]; }
  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  MatrixView<T> view() { return {data_.data(), rows_, cols_}; }
  ConstMatrixView<T> view() const { return {data_.data(), rows_, cols_}; }

 private:
  std::size_t rows_ = 0, cols_ = 0;
  std::vector<T> data_;
};

}  // namespace slicefast
