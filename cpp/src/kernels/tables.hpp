// One table of function pointers per noun and instruction set: the only way from the core into the kernel files.
//
// A kernel file defines `extern const <Noun>Kernels <noun>_kernels` in slicefast::SLICEFAST_ISA; the core picks a table
// with `select(isa, &baseline::..., ...)` through the macro below. Plain pointers and lengths only (see isa.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "slicefast/isa.hpp"

namespace slicefast {

struct MathKernels {
  void (*log2_array)(const float* in, float* out, std::size_t n);
  void (*exp2_array)(const float* in, float* out, std::size_t n);
};

#ifdef SLICEFAST_X86
#define SLICEFAST_DECLARE_KERNELS(Type, name)               \
  namespace baseline { extern const Type name; }            \
  namespace avx2 { extern const Type name; }                \
  namespace avx512 { extern const Type name; }              \
  inline const Type& select_##name(Isa isa) {               \
    switch (isa) {                                          \
      case Isa::avx512: return avx512::name;                \
      case Isa::avx2: return avx2::name;                    \
      case Isa::baseline: break;                            \
    }                                                       \
    return baseline::name;                                  \
  }
#else
#define SLICEFAST_DECLARE_KERNELS(Type, name)    \
  namespace baseline { extern const Type name; } \
  inline const Type& select_##name(Isa) { return baseline::name; }
#endif

SLICEFAST_DECLARE_KERNELS(MathKernels, math_kernels)

}  // namespace slicefast
