"""Typed stub of the C++ module; see cpp/bindings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

__version__: str

class NotConverged(RuntimeError):
    """A fixed point was not reached."""

    iterations: int
    residual: float

class InUseError(RuntimeError):
    """An object is in use by another thread; nothing has changed."""

# simd
def available_isas() -> list[str]: ...
def default_isa() -> str: ...

# threads
MAX_THREADS: int

def for_each(n_threads: int, n_items: int, work: Callable[[int], None]) -> None: ...
def delay_bins_ttis() -> NDArray[np.float64]: ...

# radio
class UserProfile:
    """Users' heights and buildings; see cpp/include/slicefast/radio.hpp and slicefast.radio.indoor_users."""

    def __init__(
        self,
        *,
        height_m: ArrayLike,
        indoor: ArrayLike,
        inside_m: ArrayLike,
        loss_db: ArrayLike,
        environment: ArrayLike,
    ) -> None: ...
    @property
    def n_users(self) -> int: ...

class FoldedGains:
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def nbytes(self) -> int: ...

class GainSource: ...

class GainMap(GainSource):
    def __init__(
        self,
        *,
        gain: NDArray[np.float32],
        cols: int,
        first_m: tuple[float, float],
        step_m: tuple[float, float],
    ) -> None: ...
    @property
    def n_cells(self) -> int: ...

class LinkModel(GainSource):
    def __init__(
        self,
        *,
        model: str,
        pattern: str,
        elements: int,
        frequency_hz: float,
        ue_height_m: float,
        shadowing: bool,
        site_correlation: float,
        wrap: bool,
        v1_m: tuple[float, float],
        v2_m: tuple[float, float],
        site_x_m: Iterable[float],
        site_y_m: Iterable[float],
        site_height_m: Iterable[float],
        cell_site: Iterable[int],
        azimuth_deg: Iterable[float],
        tilt_deg: Iterable[float],
        los_state: NDArray[np.float32],
        shadow_los: NDArray[np.float32],
        shadow_nlos: NDArray[np.float32],
        common_los: NDArray[np.float32],
        common_nlos: NDArray[np.float32],
        los_state_decorrelation_m: float,
        row_offset: NDArray[np.int32],
        col_offset: NDArray[np.int32],
        e1_m: tuple[float, float],
        e2_m: tuple[float, float],
        further_images: bool,
        fold_db: float,
        line_of_sight: str = "model",
        isa: str,
        sigma_indoor_db: float = 0.0,
    ) -> None: ...
    @property
    def n_cells(self) -> int: ...
    @property
    def n_sites(self) -> int: ...
    @property
    def isa(self) -> str: ...
    def gains(
        self,
        x_m: NDArray[np.float64],
        y_m: NDArray[np.float64],
        n_threads: int = 1,
        gain: NDArray[np.float32] | None = None,
        profile: UserProfile | None = None,
    ) -> NDArray[np.float32]: ...
    def reach(
        self,
        x_m: NDArray[np.float64],
        y_m: NDArray[np.float64],
        n_threads: int = 1,
        profile: UserProfile | None = None,
    ) -> NDArray[np.float32]: ...
    @property
    def folds(self) -> bool: ...
    @property
    def has_images(self) -> bool: ...
    def fold(
        self,
        x_m: NDArray[np.float64],
        y_m: NDArray[np.float64],
        power_w: NDArray[np.float64],
        noise_w: float,
        n_threads: int = 1,
        activity: NDArray[np.float64] | None = None,
    ) -> FoldedGains: ...
    def best_server(
        self,
        x_m: NDArray[np.float64],
        y_m: NDArray[np.float64],
        power_w: NDArray[np.float64],
        activity: NDArray[np.float64],
        noise_w: float,
        n_threads: int = 1,
        profile: UserProfile | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]: ...
    def update_gains(
        self,
        x_m: NDArray[np.float64],
        y_m: NDArray[np.float64],
        users: NDArray[np.int32],
        gain: NDArray[np.float32],
        profile: UserProfile | None = None,
    ) -> None: ...

def path_loss_db(
    model: str,
    los: NDArray[np.bool_],
    distance_2d_m: NDArray[np.float64],
    frequency_hz: float,
    bs_height_m: NDArray[np.float64],
    ue_height_m: NDArray[np.float64],
    environment_height_m: NDArray[np.float64],
) -> NDArray[np.float64]: ...
def los_probability(
    model: str, distance_2d_m: NDArray[np.float64], ue_height_m: NDArray[np.float64]
) -> NDArray[np.float64]: ...
def antenna_gain_db(
    pattern: str,
    azimuth_deg: NDArray[np.float64],
    depression_deg: NDArray[np.float64],
    tilt_deg: NDArray[np.float64],
    elements: int,
) -> NDArray[np.float64]: ...

class ModelParameters(TypedDict):
    """A row of the table of path loss models; see cpp/include/slicefast/radio/path_loss.hpp."""

    sigma_los_near_db: float
    sigma_los_far_db: float
    sigma_nlos_db: float
    sigma_indoor_db: float
    decorrelation_los_m: float
    decorrelation_nlos_m: float
    decorrelation_los_state_m: float
    min_distance_m: float
    max_distance_m: float
    min_frequency_hz: float
    max_frequency_hz: float
    bs_height_m: tuple[float, float]
    ue_height_m: tuple[float, float]
    made_for_bs_height_m: tuple[float, float]
    made_for_ue_height_m: tuple[float, float]
    default_ue_height_m: float
    uses_3d_distance: bool
    supports_indoor: bool
    tall_users_see_further: bool
    supports_tr38901_building: bool

def model_parameters(model: str) -> ModelParameters: ...
def path_loss_models() -> dict[str, ModelParameters]: ...
def update_serving(
    gain: NDArray[np.float32],
    power_w: NDArray[np.float64],
    serving: NDArray[np.int32],
    timer_cell: NDArray[np.int32],
    timer_steps: NDArray[np.int32],
    margin_db: float,
    time_to_trigger_steps: int,
    n_threads: int = 1,
) -> None: ...

# load coupling
def solve_load_coupling(
    *,
    gain: NDArray[np.float32] | NDArray[np.float64] | FoldedGains,
    power_w: NDArray[np.float64],
    noise_w: float,
    demand_bps: NDArray[np.float64],
    serving: NDArray[np.int32],
    bandwidth_hz: float,
    share: NDArray[np.float64] | None,
    slice_of: NDArray[np.int32] | None,
    start: NDArray[np.float64],
    tolerance: float,
    max_iterations: int,
    efficiency: str,
    ceiling_bps_per_hz: float | None = None,
    layers: int = 1,
    n_threads: int,
    isa: str,
) -> tuple[NDArray[np.float64], int, float]: ...
def coupled_sinr(
    *,
    gain: NDArray[np.float32] | NDArray[np.float64] | FoldedGains,
    power_w: NDArray[np.float64],
    noise_w: float,
    rho: NDArray[np.float64],
    serving: NDArray[np.int32],
    n_threads: int,
    isa: str,
) -> NDArray[np.float32]: ...
def spectral_radius(
    *,
    gain: NDArray[np.float32] | NDArray[np.float64],
    power_w: NDArray[np.float64],
    noise_w: float,
    demand_bps: NDArray[np.float64],
    serving: NDArray[np.int32],
    bandwidth_hz: float,
    isa: str,
) -> float: ...
def spectral_efficiency(
    efficiency: str, sinr: NDArray[np.float64], ceiling_bps_per_hz: float | None = None, layers: int = 1
) -> NDArray[np.float64]: ...

# network
CELL_KPIS: tuple[str, ...]
USER_KPIS: tuple[str, ...]

class Network:
    """One replica's step; see cpp/include/slicefast/network.hpp. One thread at a time, or InUseError."""

    def __init__(
        self,
        *,
        links: GainSource,
        scheduler: SchedulerConfig,
        power_w: ArrayLike,
        noise_w: float,
        prb_bandwidth_hz: float,
        efficiency: str,
        ceiling_bps_per_hz: float | None = None,
        layers: int = 1,
        window_ttis: int,
        handover_margin_db: float,
        time_to_trigger_steps: int,
        filter_weight: float = 1.0,
        slice_of: ArrayLike,
        isa: str,
        lend: bool,
        fidelity: str,
        packet_bits: ArrayLike,
        resolution_m: float = 0.0,
        profile: UserProfile | None = None,
        dedicated_part: Sequence[float] = (),
        max_ratio: Sequence[float] = (),
        interference: str = "mean",
        bands: str = "anywhere",
        user_loss_db: Sequence[float] | NDArray[Any] = (),
        n_threads: int = 1,
    ) -> None: ...
    def attach(self, x_m: NDArray[Any], y_m: NDArray[Any], serving: NDArray[Any]) -> None: ...
    def step(
        self,
        share: NDArray[Any],
        serving: NDArray[Any],
        arrival_user: NDArray[Any],
        arrival_tti: NDArray[Any],
        arrival_bits: NDArray[Any],
        active: NDArray[Any],
        kpis: NDArray[Any],
        user_kpis: NDArray[Any] | None,
        delay_counts: NDArray[Any] | None = None,
        packet_kpis: NDArray[Any] | None = None,
    ) -> None: ...
    def curves(
        self,
        levels: NDArray[Any],
        coupled_share: NDArray[Any],
        serving: NDArray[Any],
        arrival_user: NDArray[Any],
        arrival_tti: NDArray[Any],
        arrival_bits: NDArray[Any],
        active: NDArray[Any],
        out: NDArray[Any],
        enough: NDArray[Any] | None,
    ) -> None: ...
    def probe(
        self,
        share: NDArray[Any],
        coupled_share: NDArray[Any],
        serving: NDArray[Any],
        arrival_user: NDArray[Any],
        arrival_tti: NDArray[Any],
        arrival_bits: NDArray[Any],
        active: NDArray[Any],
        kpis: NDArray[Any],
        user_kpis: NDArray[Any] | None,
    ) -> None: ...
    def sinr(self) -> NDArray[np.float32]: ...
    def gain(self) -> NDArray[np.float32]: ...
    def reach(self) -> NDArray[np.float32]: ...
    def backlog_bits(self) -> NDArray[np.float64]: ...
    def state(self) -> tuple[Any, ...]: ...
    def set_state(self, state: tuple[Any, ...]) -> None: ...
    def check_state(self, state: tuple[Any, ...]) -> None: ...

# learner
class LearnerConfig:
    """Settings of the fused learner; see slicefast.learn.TD3Config."""

    n_agents: int
    obs_dim: int
    action_dim: int
    batch_size: int
    actor_hidden: Sequence[int]
    critic_hidden: Sequence[int]
    actor_lr: float
    critic_lr: float
    beta1: float
    beta2: float
    epsilon: float
    gamma: float
    tau: float
    target_noise: float
    noise_clip: float
    logit_penalty: float
    seed: int

class Learner:
    """The fused TD3 of all agents, working in the given arrays.

    A second update meanwhile is refused with InUseError; act waits for an update that is under way.
    """

    def __init__(
        self, config: LearnerConfig, n_threads: int, isa: str, arrays: Mapping[str, NDArray[np.generic]]
    ) -> None: ...
    def update(
        self,
        index: NDArray[np.int64],
        step: int,
        with_policy: bool,
        critic_loss: NDArray[np.float32],
        actor_loss: NDArray[np.float32],
    ) -> None: ...
    def set_learning_rates(self, actor_lr: float, critic_lr: float) -> None: ...
    def act(self, observation: NDArray[np.float32], noise: float, step: int) -> NDArray[np.float32]: ...

# scheduler
class SchedulerConfig:
    def __init__(
        self,
        *,
        n_cells: int,
        n_slices: int,
        n_users: int,
        n_prb: int = 100,
        kind: str = "proportional_fair",
        alpha: float = 1.0,
        beta: float = 1.0,
        averaging_ttis: float = 100.0,
        discard_ttis: list[int] = ...,
        rbg_prb: int = 1,
        deal_leftover: bool = True,
        buffer_bits: float = 0.0,
        block_error_rate: float = 0.0,
        max_retransmissions: int = 3,
        retransmission_ttis: int = 8,
        harq_seed: int = 0,
        prb_bandwidth_hz: float = 180e3,
        tti_s: float = 1e-3,
        mcs_table: str = "lte",
        downlink_parts: int = 1,
        tdd_parts: int = 1,
        retransmission_error_rate: Sequence[float] = (),
        cell_prb: Sequence[int] = (),
    ) -> None: ...

class Scheduler:
    def __init__(self, config: SchedulerConfig, *, isa: str) -> None: ...
    def run(
        self,
        *,
        n_ttis: int,
        arrival_user: NDArray[np.int32],
        arrival_tti: NDArray[np.int32],
        arrival_bits: NDArray[np.float32],
        serving: NDArray[np.int32],
        slice_of: NDArray[np.int32],
        bits_per_prb: NDArray[np.float32] | None,
        tbs_index: NDArray[np.int32] | None,
        share: NDArray[np.float64] | None,
        dedicated_ratio: NDArray[np.float64] | None,
        min_ratio: NDArray[np.float64] | None,
        max_ratio: NDArray[np.float64] | None,
        active: NDArray[np.uint8] | None,
        separate_slices: bool,
        per_packet: bool = False,
    ) -> dict[str, Any]: ...
    def copy(self) -> Scheduler: ...
    def state(self) -> dict[str, Any]: ...
    def set_state(self, state: dict[str, Any]) -> None: ...
    @property
    def clock_ttis(self) -> int: ...
    def queued_bits(self) -> float: ...
    def backlog_bits(self) -> NDArray[np.float64]: ...

def run_flow(
    *,
    n_ttis: int,
    n_prb: int,
    arriving_bits: NDArray[np.float64],
    packet_bits: NDArray[np.float64],
    serving: NDArray[np.int32],
    slice_of: NDArray[np.int32],
    bits_per_prb: NDArray[np.float32],
    share: NDArray[np.float64],
    active: NDArray[np.uint8] | None,
    backlog_bits: NDArray[np.float64],
    backlog_age_bit_ms: NDArray[np.float64],
    discard_ttis: NDArray[np.int32],
    buffer_bits: float,
) -> dict[str, Any]: ...
def cqi(sinr: NDArray[np.float64], table: str) -> NDArray[np.int32]: ...
def tbs_index(indicator: NDArray[np.int32], table: str) -> NDArray[np.int32]: ...
def transport_block_bits(index: int, n_prb: int, table: str, layers: int) -> int: ...
def nr_transport_block_bits(resource_elements: int, modulation_order: int, code_rate_2048: int, layers: int) -> int: ...
def peak_bps_per_hz(n_prb: int, table: str, layers: int) -> float: ...
