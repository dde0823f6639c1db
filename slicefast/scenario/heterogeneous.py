"""Cells that differ: every cell has a pattern of its own over its slices, drawn at random, as strong as a knob h says.

====== ==================================================================================== =====
symbol meaning                                                                              unit
====== ==================================================================================== =====
h      heterogeneity: 0 makes no cell differ, 1 the extremes of a cell's slices by about 4  -
z      pattern of a cell (S,): its sum is 0, its length that of the ladder                  -
c      ln 4 / 3                                                                             -
w      a slice's part of the traffic that a cell offers, w_s ~ activity_s rate_s users_s    -
f      factor on a slice's active users, (N, S)                                             -
g      factor on a slice's throughput requirement, (N, S)                                   -
====== ==================================================================================== =====

Patterns are uniform on the sphere of sum 0 that holds the ladder (1.5, 0.5, -0.5, -1.5) and its like for other S, whose
ends exp(c z) sets apart by 4 at four slices: as much as the paper's own requirements of 4, 3, 2 and 1 Mbit/s. No two
cells share one, so there are no classes of cells (ours).

- *mix*: f_s = exp(h c z_s) / sum_k w_k exp(h c z_k), so each cell offers the traffic that it did before. A slice gets
  as many users as the busiest hour of any pattern needs, the same for every seed.
- *requirements*: g_s = exp(h c z_s) sum_k phi*_k / sum_k phi*_k exp(h c z_k), so each cell promises as much throughput
  as before, and the delay follows: d*_s / g_s, what a packet takes at the required throughput.
- *both*: one pattern for users and requirements. *anti*: z for the users, -z for the requirements.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

import numpy as np

from slicefast.errors import ScenarioError
from slicefast.scenario.cells import CellSettings, RequirementGroup
from slicefast.units import Float64

if TYPE_CHECKING:
    from slicefast.scenario.models import Scenario

HeterogeneityKind = Literal["mix", "requirements", "both", "anti"]

STRONGEST = 2.0
_C = np.log(4.0) / 3.0
_S = TypeVar("_S", bound="Scenario")


def draw_patterns(n_cells: int, n_slices: int, seed: int) -> Float64:
    """Draw z of every cell, (N, S): a cell's pattern does not depend on how many cells come after it.

    Parameters
    ----------
    n_cells, n_slices : int
        N and S, the slices at least 2.
    seed : int
        At least 0.
    """
    drawn = np.random.Generator(np.random.PCG64DXSM(seed)).standard_normal((n_cells, n_slices))
    drawn -= drawn.mean(axis=1, keepdims=True)
    drawn *= _radius(n_slices) / np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn


def _radius(n_slices: int) -> float:
    """Length of the ladder (S - 1) / 2, ..., -(S - 1) / 2."""
    return float(np.sqrt(n_slices * (n_slices**2 - 1) / 12.0))


def with_patterns(base: _S, h: float, kind: HeterogeneityKind, seed: int) -> _S:
    """Return a scenario whose cells differ from those of ``base`` by their patterns; see above.

    Parameters
    ----------
    base : Scenario
        At h = 0 it is returned as it is.
    h : float
        0 to 2.
    kind : {"mix", "requirements", "both", "anti"}
        What follows the pattern.
    seed : int
        Draws the patterns.

    Raises
    ------
    ScenarioError
        h, the kind or the seed is not allowed, or the scenario has one slice alone.
    """
    if not 0.0 <= h <= STRONGEST:
        raise ScenarioError("h", h, f"must be from 0 to {STRONGEST:g}")
    if kind not in get_args(HeterogeneityKind):
        raise ScenarioError("kind", kind, f"must be one of {', '.join(get_args(HeterogeneityKind))}")
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or operator.index(seed) < 0:
        raise ScenarioError("seed", seed, "must be an integer of at least 0")
    if base.n_slices < 2:
        raise ScenarioError("slices", base.n_slices, "patterns need at least 2")
    if h == 0.0:
        return base
    exponent = h * _C * draw_patterns(base.n_cells, base.n_slices, seed)
    changed: dict[str, object] = {"name": f"{base.name}-{kind}-{h:g}"}
    if kind != "requirements":
        changed |= _mixed(base, exponent, h)
    if kind != "mix":
        changed["requirements"] = _required(base, -exponent if kind == "anti" else exponent)
    return base.model_copy(update=changed)


def _mixed(base: Scenario, exponent: Float64, h: float) -> dict[str, object]:
    """Return the slices and cell settings with f on the active users.

    The users that there are follow from h alone: f_s <= exp(h c (z_s - sum_k w_k z_k)) <= exp(h c r |e_s - w|), r the
    patterns' length and e_s slice s alone.
    """
    users = np.array([item.users_per_cell for item in base.slices])
    offered = base.activity * base.slice_rate_bps * users
    part = offered / offered.sum(axis=1, keepdims=True)
    factor = np.exp(exponent)
    factor /= (part * factor).sum(axis=1, keepdims=True)
    reach = np.linalg.norm(np.eye(base.n_slices) - part[:, None, :], axis=2)
    most = (base.activity * np.exp(h * _C * _radius(base.n_slices) * reach)).max(axis=0) * base.traffic.high
    enough = np.ceil(users * np.maximum(most, 1.0)).astype(int)
    activity = base.activity * factor * users / enough
    slices = [item.model_copy(update={"users_per_cell": int(n)}) for item, n in zip(base.slices, enough, strict=True)]
    own = [CellSettings(cells=(cell + 1,), activity=tuple(row.tolist())) for cell, row in enumerate(activity)]
    return {"slices": tuple(slices), "cell_settings": (*base.cell_settings, *own)}


def _required(base: Scenario, exponent: Float64) -> tuple[RequirementGroup, ...]:
    """Return the requirements with g on the throughput, a group for every cell."""
    throughput_bps = base.throughput_requirement_bps
    factor = np.exp(exponent)
    factor *= throughput_bps.sum(axis=1, keepdims=True) / (throughput_bps * factor).sum(axis=1, keepdims=True)
    rows = zip(throughput_bps * factor, base.delay_requirement_ms / factor, strict=True)
    return tuple(
        RequirementGroup(cells=(cell + 1,), throughput_bps=tuple(own_bps.tolist()), delay_ms=tuple(own_ms.tolist()))
        for cell, (own_bps, own_ms) in enumerate(rows)
    )
