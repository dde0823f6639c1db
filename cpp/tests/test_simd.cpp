#include <cmath>
#include <string>
#include <vector>

#include "check.hpp"
#include "kernels/tables.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/simd.hpp"

void test_simd() {
  using namespace slicefast;
  CHECK(available_isas().front() == Isa::baseline);
  CHECK(choose_isa() == available_isas().back());
  CHECK(choose_isa("baseline") == Isa::baseline);
  bool refused = false;
  try {
    choose_isa("sse9");
  } catch (const InvalidArgument& error) {
    refused = std::string(error.what()).find("sse9") != std::string::npos;
  }
  CHECK(refused);

  for (Isa isa : available_isas()) {
    std::vector<float> x, got(1001);
    for (int i = 0; i <= 1000; ++i) x.push_back(std::exp2(static_cast<float>(i - 500) / 10.0f));
    select_math_kernels(isa).log2_array(x.data(), got.data(), x.size());
    // Absolute: 1.5e-7 from the polynomial plus one rounding of results up to 50.
    for (int i = 0; i <= 1000; ++i) CHECK_CLOSE(got[i], std::log2(static_cast<double>(x[i])), 4e-6);
    std::vector<float> exponent;
    for (int i = 0; i <= 1000; ++i) exponent.push_back(static_cast<float>(i - 500) / 10.0f);
    select_math_kernels(isa).exp2_array(exponent.data(), got.data(), got.size());
    for (int i = 0; i <= 1000; ++i) CHECK_CLOSE(got[i] / std::exp2(static_cast<double>(exponent[i])), 1.0, 3e-7);
  }
}
