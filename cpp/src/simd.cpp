#include "slicefast/simd.hpp"

#include <string>

#include "slicefast/errors.hpp"

namespace slicefast {

std::vector<Isa> available_isas() {
  std::vector<Isa> levels{Isa::baseline};
#ifdef SLICEFAST_X86
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) levels.push_back(Isa::avx2);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    levels.push_back(Isa::avx512);
#endif
  return levels;
}

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::baseline: return "baseline";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
  }
  return "unknown";
}

Isa isa_from_name(std::string_view name) {
  for (Isa isa : available_isas())
    if (isa_name(isa) == name) return isa;
  std::string allowed;
  for (Isa isa : available_isas()) allowed += (allowed.empty() ? "" : ", ") + std::string(isa_name(isa));
  throw InvalidArgument("instruction set: got '" + std::string(name) + "', this machine runs: " + allowed);
}

Isa choose_isa(std::string_view override_name) {
  return override_name.empty() ? available_isas().back() : isa_from_name(override_name);
}

}  // namespace slicefast
