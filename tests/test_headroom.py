"""The default scenario leaves something to learn, and nothing that cannot be had."""

from __future__ import annotations

from slicefast.validation import headroom
from slicefast.validation.headroom import Headroom


def test_presets_keep_their_headroom(monkeypatch) -> None:
    monkeypatch.setattr(headroom, "ORACLE_PART", 0.1)
    found = {(row.preset, row.policy): row for row in headroom.rows(range(1, 9, 2), ("traffic_aware", "oracle"))}
    assert len(found) == 4
    for (_, policy), row in found.items():
        if policy == "oracle":
            # The best there is; 4 networks of 20 steps and 12 cells, of which 1 % fail: a standard error of 0.3 %.
            assert row.met >= 0.97
        else:
            # Promised are 65 to 80 %; networks differ by 10 % among themselves, four of them by 5 %.
            assert 0.60 <= row.met <= 0.85


def test_rows_as_a_table() -> None:
    text = headroom.table([Headroom("paper", "traffic_aware", 0.6543, 0.87654, 0.25)])
    assert text.splitlines()[2] == "| paper | traffic aware | 65.4 % | 0.877 | 0.250 |"
