"""What an active user of a slice sends for: the traffic models of a slice, and the fields each needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from slicefast.settings import Settings

#: The upper limit only keeps what follows from a value finite.
Positive = Annotated[float, Field(gt=0.0, le=1e12)]

SMALLEST_BITS = 1.0  # the scheduler's smallest packet
PacketBits = Annotated[float, Field(ge=SMALLEST_BITS, le=1e12)]

FTP_FILE_BITS = 4e6  # 0.5 MB, 3GPP TR 36.889 and TR 36.814


class PoissonTraffic(Settings):
    """Packets at exponential intervals: ``rate_bps / packet_bits`` a second."""

    kind: Literal["poisson"] = "poisson"


class ConstantTraffic(Settings):
    """Packets at equal intervals of ``packet_bits / rate_bps``, each user at its own phase."""

    kind: Literal["constant"] = "constant"


class OnOffTraffic(Settings):
    """Exponential on and off phases of the given means; packets at equal intervals while on.

    The rate while on is ``rate_bps (on_s + off_s) / on_s``, so that ``rate_bps`` is the mean.
    """

    kind: Literal["on_off"] = "on_off"
    on_s: Positive = 1.0
    off_s: Positive = 1.0


class Ftp3Traffic(Settings):
    """FTP model 3 (TR 36.889): files arrive as a Poisson process of mean rate ``rate_bps / file_bits``."""

    kind: Literal["ftp3"] = "ftp3"
    file_bits: PacketBits = FTP_FILE_BITS


class Ftp2Traffic(Settings):
    """FTP model 2 (TR 36.814): the next file comes an exponential reading time after the last one is delivered."""

    kind: Literal["ftp2"] = "ftp2"
    file_bits: PacketBits = FTP_FILE_BITS
    reading_time_s: Positive = 5.0


class FullBufferTraffic(Settings):
    """Always something to send."""

    kind: Literal["full_buffer"] = "full_buffer"


class TraceTraffic(Settings):
    """Packets from a file with the columns time (seconds), bytes and user (1, 2, ... within the slice) or slice.

    The file's slice column chooses the rows of this slice, by name or by number from 1. Packets without a user go to
    active users of the slice, at random. The trace repeats.
    """

    kind: Literal["trace"] = "trace"
    path: str


def _from_kind(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


Source = Annotated[
    Annotated[
        PoissonTraffic | ConstantTraffic | OnOffTraffic | Ftp3Traffic | Ftp2Traffic | FullBufferTraffic | TraceTraffic,
        Field(discriminator="kind"),
    ],
    # "ftp3" is short for {kind = "ftp3"}.
    BeforeValidator(_from_kind),
]

NEEDS_RATE: Mapping[str, bool] = {
    "poisson": True,
    "constant": True,
    "on_off": True,
    "ftp3": True,
    "ftp2": False,
    "full_buffer": False,
    "trace": False,
}
