"""From a scenario to what the core plays: the links, buildings and network of one replica.

Dimensions: K sites, N cells, S slices, U users.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from slicefast import _core, radio
from slicefast.errors import described, refuse
from slicefast.granted import granted_bytes
from slicefast.radio.carrier import SLOT_SYMBOLS, downlink_symbols
from slicefast.radio.indoor import SIMPLE_WALL_SIGMA_DB
from slicefast.scenario.cells import by_cell
from slicefast.scheduling import attempts
from slicefast.units import Float64, Index

if TYPE_CHECKING:
    from slicefast.rng import Streams
    from slicefast.scenario import Scenario


#: Links from which on a second thread is worth waking; benchmarks/threads_table.py measures it.
LEAST_SHARED_LINKS = 50_000
#: Sites whose links all users keep where far cells fold; up to so many sites none fold, and all images count.
NEAR_SITES = 37


def check_memory(scenario: Scenario, n_replicas: int) -> None:
    """Refuse a scenario whose networks need more memory than this process is granted, before any of it is taken.

    Parameters
    ----------
    scenario : Scenario
        What is played.
    n_replicas : int
        How many times at once.

    Raises
    ------
    SlicefastError
        It names the bytes.
    """
    needed, granted = n_replicas * network_bytes(scenario), granted_bytes()
    if needed > granted:
        got = f"{n_replicas} x {scenario.n_cells} cells and {scenario.n_users} users, which need {needed} bytes"
        refuse("scenario", described(got), f"one for at most {granted} bytes, what this process may use")


def network_bytes(scenario: Scenario) -> int:
    """Return what the large arrays of one network take [byte]: a lower bound, and most of what it takes.

    Gains of U N links, 4 bytes each, again for what other images add and twice for a filter; where far cells fold, of
    the nearest sites' cells alone and about 20 single links. The coupling's slopes: 8 N², or about 300 a cell, 12 bytes
    each. About 400 bytes of queues, KPIs and positions to a user.

    Parameters
    ----------
    scenario : Scenario
        What the network is.
    """
    n_users, n_cells, n_sites = scenario.n_users, scenario.n_cells, scenario.n_sites
    if scenario.radio.fold_db > 0 and _folds(scenario) and n_sites > NEAR_SITES and scenario.gain_map is None:
        gains, slopes = n_users * (4 * NEAR_SITES * (n_cells // n_sites) + 20 * 8), n_cells * 300 * 12
    else:
        matrices = 1 + (scenario.area.wrap and n_sites <= NEAR_SITES) + 2 * (scenario.radio.filter_coefficient > 0)
        gains, slopes = 4 * matrices * n_users * n_cells, 8 * n_cells * n_cells
    return gains + slopes + 400 * n_users


def make_links(scenario: Scenario, generator: np.random.Generator) -> _core.LinkModel:
    """Return the links of a scenario's network.

    Parameters
    ----------
    scenario : Scenario
        Sites, cells and radio.
    generator : numpy.random.Generator
        Draws the fields of shadowing and line of sight: the place.

    Returns
    -------
    LinkModel
        See `slicefast.radio.link_model`.
    """
    settings, area = scenario.radio, scenario.area
    torus = (area.v1_m, area.v2_m) if area.wrap else (None, None)
    fields = radio.make_fields(
        settings.path_loss_model, scenario.n_sites, generator, torus[0], torus[1], extent_m=_longer_side_m(scenario)
    )
    return radio.link_model(
        model=settings.path_loss_model,
        pattern=settings.antenna,
        fields=fields,
        site_x_m=scenario.site_x_m,
        site_y_m=scenario.site_y_m,
        site_height_m=scenario.site_height_m,
        cell_site=scenario.cell_site,
        azimuth_deg=scenario.azimuth_deg,
        tilt_deg=scenario.tilt_deg,
        frequency_hz=settings.frequency_hz,
        elements=settings.antenna_elements,
        ue_height_m=settings.ue_height_m,
        shadowing=settings.shadowing,
        site_correlation=settings.site_correlation,
        fold_db=settings.fold_db if _folds(scenario) else 0.0,
        line_of_sight=settings.line_of_sight,
        further_images=area.wrap,
        v1_m=torus[0],
        v2_m=torus[1],
        area_m2=area.area_m2,
        sigma_indoor_db=SIMPLE_WALL_SIGMA_DB if scenario.indoor.building == "tr36873" else None,
        longest_m=None if area.wrap else _longest_link_m(scenario),
    )


def _longer_side_m(scenario: Scenario) -> float:
    """Longer side [m] of the area."""
    return float(max(np.hypot(*scenario.area.v1_m), np.hypot(*scenario.area.v2_m)))


def _folds(scenario: Scenario) -> bool:
    """Whether far cells may fold: that knows outdoor users, drawn states, one activity per cell and no filter only."""
    outdoors, drawn = scenario.indoor.share == 0.0, scenario.radio.line_of_sight == "model"
    return outdoors and drawn and scenario.scheduler.bands == "anywhere" and scenario.radio.filter_coefficient == 0


def _longest_link_m(scenario: Scenario) -> float:
    """Distance [m] from a site to the farthest corner of a rectangular area."""
    width, height = scenario.area.v1_m[0], scenario.area.v2_m[1]
    x, y = scenario.site_x_m, scenario.site_y_m
    return float(np.hypot(np.maximum(x, width - x), np.maximum(y, height - y)).max())


def make_buildings(scenario: Scenario, generator: np.random.Generator) -> tuple[Index, _core.UserProfile | None]:
    """Draw who is indoors and what their buildings cost; nothing is drawn where nobody is.

    Parameters
    ----------
    scenario : Scenario
        Its `indoor` and `radio`.
    generator : numpy.random.Generator
        Draws floors and buildings.

    Returns
    -------
    indoor : ndarray of intp
        Indices of the users indoors.
    profile : UserProfile or None
        Everybody's height and building; None where all are outdoors.
    """
    rule, settings = scenario.indoor, scenario.radio
    if rule.share == 0.0:
        return np.empty(0, np.intp), None
    drawn = radio.draw_buildings(
        generator,
        scenario.n_users,
        rule.share,
        rule.building,
        settings.frequency_hz,
        high_loss_share=rule.high_loss_share,
        floors=(rule.min_floors, rule.max_floors),
        outdoor_height_m=settings.ue_height_m,
        release=rule.release,
    )
    environment = generator.random(scenario.n_users)
    return np.flatnonzero(drawn.indoor), _core.UserProfile(**vars(drawn), environment=environment)


def make_car_loss_db(scenario: Scenario, indoor: Index, generator: np.random.Generator) -> Float64:
    """Draw what the cars of users outdoors cost, (U,) [dB]; nothing is drawn, and (0,) returned, where there are none.

    Parameters
    ----------
    scenario : Scenario
        Its `radio`.
    indoor : ndarray of intp
        Users indoors, from `make_buildings`.
    generator : numpy.random.Generator
        Draws who sits in a car.
    """
    share = scenario.radio.car_share
    if share == 0.0:
        return np.empty(0)
    return radio.draw_car_loss_db(generator, ~np.isin(np.arange(scenario.n_users), indoor), share)


def make_network(
    scenario: Scenario,
    links: _core.LinkModel | _core.GainMap,
    streams: Streams,
    profile: _core.UserProfile | None,
    car_loss_db: Float64,
    n_threads: int = 1,
) -> _core.Network:
    """Build the core's network of one replica.

    Parameters
    ----------
    scenario : Scenario
        What the network is.
    links : LinkModel or GainMap
        From `make_links`, or what stands in for it; networks may share them.
    streams : Streams
        The replica's streams, for the block errors.
    profile : UserProfile or None
        From `make_buildings`.
    car_loss_db : ndarray, (U,) or (0,)
        From `make_car_loss_db`.
    n_threads : int
        That the network may use; a small one keeps to one.

    Returns
    -------
    Network
        With empty queues and nobody attached yet.
    """
    settings = scenario.radio
    return _core.Network(
        links=links,
        scheduler=_scheduler_config(scenario, streams.harq_seed),
        power_w=scenario.power_w_per_prb,
        noise_w=scenario.noise_w_per_prb,
        prb_bandwidth_hz=settings.prb_bandwidth_hz,
        efficiency=settings.efficiency,
        ceiling_bps_per_hz=scenario.ceiling_bps_per_hz,
        layers=settings.layers,
        window_ttis=scenario.window_ttis,
        handover_margin_db=settings.handover_margin_db,
        time_to_trigger_steps=scenario.time_to_trigger_steps,
        filter_weight=settings.filter_weight(scenario.step_s),
        slice_of=scenario.slice_of,
        isa=_core.default_isa(),
        lend=scenario.scheduler.share_as == "guarantee",
        fidelity=scenario.fidelity,
        # Beside cells with sizes of their own, which the flow level has not, the core only asks for the smallest.
        packet_bits=np.minimum(scenario.mean_packet_bits, _least_own_bits(scenario))[scenario.slice_of],
        resolution_m=settings.resolution_m,
        profile=profile,
        dedicated_part=scenario.scheduler.dedicated_part,
        max_ratio=scenario.scheduler.max_ratio,
        interference=settings.interference,
        bands=scenario.scheduler.bands,
        user_loss_db=car_loss_db,
        n_threads=n_threads if scenario.n_users * scenario.n_cells >= LEAST_SHARED_LINKS else 1,
    )


def _least_own_bits(scenario: Scenario) -> Float64:
    """Smallest packets of cells that have their own, by slice, (S,) [bit]."""
    unset = np.full((scenario.n_cells, scenario.n_slices), np.inf)
    least: Float64 = by_cell(scenario.cell_settings, "packet_bits", unset).min(axis=0)
    return least


def _scheduler_config(scenario: Scenario, harq_seed: int) -> _core.SchedulerConfig:
    rule, radio = scenario.scheduler, scenario.radio
    timer_ttis = round(rule.discard_timer_ms * 1e-3 * radio.ttis_per_s)
    symbols = downlink_symbols(radio.tdd_pattern)
    return _core.SchedulerConfig(
        n_cells=scenario.n_cells,
        n_slices=scenario.n_slices,
        n_users=scenario.n_users,
        n_prb=radio.n_prb,
        cell_prb=[] if (scenario.cell_prb == radio.n_prb).all() else scenario.cell_prb.tolist(),
        kind=rule.kind,
        alpha=rule.alpha,
        beta=rule.beta,
        averaging_ttis=rule.averaging_ttis,
        discard_ttis=[timer_ttis if item.traffic.has_age else 0 for item in scenario.slices],
        rbg_prb=rule.rbg_prb,
        buffer_bits=rule.buffer_bits,
        **attempts({"block_error_rate": rule.block_error_rate}),
        max_retransmissions=rule.max_retransmissions,
        retransmission_ttis=rule.retransmission_ttis,
        harq_seed=harq_seed,
        prb_bandwidth_hz=radio.prb_bandwidth_hz,
        tti_s=radio.tti_s,
        mcs_table=radio.link_table,
        downlink_parts=sum(symbols) or 1,
        tdd_parts=SLOT_SYMBOLS * len(symbols) or 1,
    )
