"""Physical constants and the names of array types, each written once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: LTE's transmission time interval [s]; a scenario's is `Radio.tti_s`.
TTI_S = 1e-3
#: Density of thermal noise at 290 K [dBm/Hz].
THERMAL_NOISE_DBM_PER_HZ = -174.0
#: Smallest packet that the scheduler queues [bit].
SMALLEST_PACKET_BITS = 1.0

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
Index = NDArray[np.intp]
Bool = NDArray[np.bool_]
#: Named arrays of any type, as .npz files hold them.
Arrays = dict[str, NDArray[Any]]
