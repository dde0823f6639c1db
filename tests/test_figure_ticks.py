"""Ticks of logarithmic axes: how many, and how they are written."""

from __future__ import annotations

import pytest

from slicefast.study import style


@pytest.mark.parametrize(("decades", "least", "most"), [(1.0, 4, 4), (2.0, 4, 6), (5.0, 6, 6)])
def test_logarithmic_ticks_thin_out_with_the_decades(decades: float, least: int, most: int) -> None:
    assert least <= len(ticks(1.0, 10.0**decades)) <= most


def ticks(low: float, high: float, width: float = 1.0) -> list[float]:
    """Return the ticks of a logarithmic axis that fall between its ends."""
    _, (axes,) = style.new_figure(2.0)
    axes.plot([low, high], [0.0, 1.0])
    style.logarithmic_x(axes, width)
    axes.set_xlim(low, high)
    values = axes.xaxis.get_major_locator().tick_values(low, high)
    return [value for value in values if low * 0.999 <= value <= high * 1.001]


def test_narrow_axes_have_two_ticks_at_least() -> None:
    assert len(ticks(0.014, 0.4, width=0.5)) >= 2
    assert len(ticks(0.3, 0.8, width=0.5)) >= 1


def test_ticks_are_written_out() -> None:
    _, (axes,) = style.new_figure(2.0)
    axes.plot([1e-4, 1e7], [0.0, 1.0])
    style.logarithmic_x(axes)
    form = axes.xaxis.get_major_formatter()
    assert [form(value, 0) for value in (0.001, 0.5, 30.0, 1000.0, 10_000.0, 300_000.0, 1e6)] == [
        "0.001", "0.5", "30", "1000", "10k", "300k", "1M",
    ]  # fmt: skip
