"""slicefast: network slicing in radio access networks, learned by one agent per cell."""

from slicefast._core import NotConverged, __version__

__all__ = ["NotConverged", "__version__"]
