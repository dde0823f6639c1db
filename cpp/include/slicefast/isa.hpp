// The instruction-set levels, alone in a header that kernel files may include (see src/kernels/isa.hpp).
#pragma once

namespace slicefast {

enum class Isa { baseline, avx2, avx512 };

}  // namespace slicefast
