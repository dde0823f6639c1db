"""Typed stub of the C++ module; see cpp/bindings."""

__version__: str

class NotConverged(RuntimeError):
    """A fixed point was not reached."""

    iterations: int
    residual: float

# simd
def available_isas() -> list[str]: ...
def default_isa() -> str: ...
