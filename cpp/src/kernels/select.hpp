// How the core gets at the kernel files: one table of function pointers per noun and instruction set.
//
// A kernel file <noun>.cpp defines `extern const <Noun>Kernels <noun>_kernels` in slicefast::SLICEFAST_ISA; its header
// <noun>.hpp declares the table's type and, by the macro below, `select_<noun>_kernels(isa)`. Plain pointers and
// lengths only (see isa.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "slicefast/isa.hpp"

#ifdef SLICEFAST_X86
#define SLICEFAST_DECLARE_KERNELS(Type, name) \
  namespace baseline {                        \
  extern const Type name;                     \
  }                                           \
  namespace avx2 {                            \
  extern const Type name;                     \
  }                                           \
  namespace avx512 {                          \
  extern const Type name;                     \
  }                                           \
  inline const Type& select_##name(Isa isa) { \
    switch (isa) {                            \
      case Isa::avx512:                       \
        return avx512::name;                  \
      case Isa::avx2:                         \
        return avx2::name;                    \
      case Isa::baseline:                     \
        break;                                \
    }                                         \
    return baseline::name;                    \
  }
#else
#define SLICEFAST_DECLARE_KERNELS(Type, name) \
  namespace baseline {                        \
  extern const Type name;                     \
  }                                           \
  inline const Type& select_##name(Isa) { return baseline::name; }
#endif
