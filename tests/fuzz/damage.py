"""Faults of a file, drawn from a generator: flipped bits, cuts, extremes, copies, tokens and lines."""

from __future__ import annotations

import random
import re

EXTREMES = (
    b"0", b"-1", b"1e308", b"-1e308", b"5e-324", b"1e-300", b"nan", b"inf", b"null", b"true", b"[]", b"{}", b"2.9",
    b"2147483648", b"9223372036854775808", b"9" * 5000, b"1" * 30, b"1e400", b"0x10", b"'", b'"', b"[" * 2000, b"a.b",
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", "片".encode(), b"../../etc/passwd", b"/dev/zero", b"65536", b"1000000",
)  # fmt: skip
_TOKEN = re.compile(rb"[-+]?[0-9][0-9.eE+-]*|\"[^\"]*\"|[A-Za-z_]+")


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return a file with one to four faults."""
    for _ in range(rng.randint(1, 4)):
        data = rng.choice((_flip, _cut, _put, _token, _token, _lines, _copy))(data, rng)
    return data


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    if changed:
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(data: bytes, rng: random.Random) -> bytes:
    begin, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:begin] if rng.random() < 0.3 else data[:begin] + data[end:]


def _put(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice((*EXTREMES, rng.randbytes(8))) + data[place:]


def _copy(data: bytes, rng: random.Random) -> bytes:
    begin, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    place = rng.randrange(len(data) + 1)
    return data[:place] + data[begin : min(end, begin + 4000)] + data[place:]


def _token(data: bytes, rng: random.Random) -> bytes:
    """Put an extreme in the place of a number, a word or a text."""
    found = list(_TOKEN.finditer(data[:100_000]))
    if not found:
        return _flip(data, rng)
    token = rng.choice(found)
    return data[: token.start()] + rng.choice(EXTREMES) + data[token.end() :]


def _lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    rng.shuffle(lines) if rng.random() < 0.2 else lines.pop(rng.randrange(len(lines)))
    return b"\n".join(lines)
