"""What the Cython modules share: the C face of NumPy's generators, and the checks of arguments."""

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.math cimport isfinite, log1p
from numpy.random cimport bitgen_t


cdef inline bitgen_t* bit_generator(object generator) except NULL:
    """Return the C face of a numpy Generator."""
    import numpy as np  # a .pxd imports nothing at its top

    if not isinstance(generator, np.random.Generator):
        raise TypeError(f"generator: got {type(generator).__name__}, allowed: a numpy.random.Generator")
    return <bitgen_t*> PyCapsule_GetPointer(generator.bit_generator.capsule, "BitGenerator")


cdef inline double uniform(bitgen_t* bits) noexcept nogil:
    """Draw from [0, 1)."""
    return bits.next_double(bits.state)


cdef inline int check_in_place(str name, object array, Py_ssize_t n) except -1:
    """Refuse an array that cannot be written in place."""
    import numpy as np

    from slicefast.errors import described, refuse

    if not isinstance(array, np.ndarray) or array.dtype != np.float64:
        kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(f"{name}: got {kind}, allowed: a float64 array")
    if array.ndim != 1 or array.shape[0] != n:
        refuse(name, described(f"shape {array.shape}"), f"shape ({n},)")
    if not array.flags.c_contiguous or not array.flags.writeable:
        refuse(name, described("a strided or read-only array"), "a contiguous and writable one, it is changed in place")
    return 0
