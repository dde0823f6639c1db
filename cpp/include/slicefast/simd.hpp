// Instruction-set levels and their run-time choice. Every hot loop exists once per level (src/kernels), in a namespace
// named like the level; the level is an explicit argument, so tests can run all of them in one process.
#pragma once

#include <string_view>
#include <vector>

#include "slicefast/isa.hpp"

namespace slicefast {

// Levels this build contains and this processor can run, weakest first.
std::vector<Isa> available_isas();

// The strongest available level, unless `override_name` (the environment's SLICEFAST_ISA, read at the border) names
// another; throws InvalidArgument when that name is unknown or cannot run here.
Isa choose_isa(std::string_view override_name = {});

std::string_view isa_name(Isa isa);
Isa isa_from_name(std::string_view name);

}  // namespace slicefast
