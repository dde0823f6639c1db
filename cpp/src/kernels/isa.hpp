// Included by every kernel file. A kernel file is compiled once per instruction set with SLICEFAST_ISA naming the
// level, and puts all its code into slicefast::SLICEFAST_ISA.
//
// Rule: a kernel file includes no standard header with inline functions or templates beyond <cstddef> and <cstdint>,
// and marks helpers `static inline`. An inline std:: function compiled here for AVX-512 could be the copy the linker
// keeps for everyone, and crash on a processor without it.
#pragma once

#include <cstddef>
#include <cstdint>

#ifndef SLICEFAST_ISA
#error "kernel files are compiled once per instruction set, with SLICEFAST_ISA defined"
#endif

#define SLICEFAST_RESTRICT __restrict__
