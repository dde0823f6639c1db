#include "kernels/math.hpp"

#include "kernels/tables.hpp"

namespace slicefast::SLICEFAST_ISA {

static void log2_array(const float* SLICEFAST_RESTRICT in, float* SLICEFAST_RESTRICT out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = log2_f32(in[i]);
}

static void exp2_array(const float* SLICEFAST_RESTRICT in, float* SLICEFAST_RESTRICT out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = exp2_f32(in[i]);
}

extern const MathKernels math_kernels = {log2_array, exp2_array};

}  // namespace slicefast::SLICEFAST_ISA
