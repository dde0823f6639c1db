#include <string>

#include "check.hpp"
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
}
