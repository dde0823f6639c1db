// The whole test framework of the C++ smoke program: a check that prints what failed and counts.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>

#include "slicefast/errors.hpp"

inline int failures = 0;
inline int checks = 0;

#define CHECK(condition)                                                      \
  do {                                                                        \
    ++checks;                                                                 \
    if (!(condition)) {                                                       \
      ++failures;                                                             \
      std::printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);     \
    }                                                                         \
  } while (false)

#define CHECK_CLOSE(got, expected, tolerance)                                                                  \
  do {                                                                                                         \
    ++checks;                                                                                                  \
    const double got_ = (got), expected_ = (expected);                                                         \
    if (!(std::abs(got_ - expected_) <= (tolerance))) {                                                        \
      ++failures;                                                                                              \
      std::printf("%s:%d: failed: %s = %.12g, expected %.12g\n", __FILE__, __LINE__, #got, got_, expected_);   \
    }                                                                                                          \
  } while (false)

// What a refusal says, or nothing where the call lets pass.
template <class Error = slicefast::InvalidArgument, class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// One per noun, defined in test_<noun>.cpp and called from main.cpp.
void test_checks();
void test_simd();
void test_lanes();
void test_threads();
void test_scheduler();
void test_path_loss();
void test_gain_map();
void test_link_model();
void test_folding();
void test_serving();
void test_coupling();
void test_flow();
void test_network_state();
void test_two_threads();
void test_allocations();
void test_learner();
void test_network(std::size_t n_worlds);
