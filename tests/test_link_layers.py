"""Several layers of a link: the efficiency of the best rank, transport blocks on layers, ceilings, the network."""

from __future__ import annotations

import numpy as np
import pytest

import slicefast as sf
from slicefast import link_adaptation, load_coupling
from slicefast.scenario import Scenario, ScenarioError

SINR = np.concatenate([[0.0], np.geomspace(1e-3, 1e5, 400)])


@pytest.mark.parametrize("ceiling", [None, 6.0])
@pytest.mark.parametrize("layers", [1, 2, 3, 4])
@pytest.mark.parametrize("curve", ["shannon", "mogensen", "cqi", "tr36942"])
def test_the_best_rank_is_taken(reference, curve, layers, ceiling):
    twin = reference("load_coupling")
    with np.errstate(divide="ignore"):
        ranks = [r * twin.efficiency(curve, SINR / r, ceiling and ceiling / layers) for r in range(1, layers + 1)]
        expected = np.max(ranks, axis=0)
        if curve == "tr36942":  # the cut-off is the whole link's; above it the most layers carry most
            expected = np.where(SINR < 0.1, 0.0, layers * np.minimum(0.6 * np.log2(1 + SINR / layers), 4.4))
            expected = np.minimum(expected, ceiling or np.inf)
    got = load_coupling.spectral_efficiency(curve, SINR, ceiling_bps_per_hz=ceiling, layers=layers)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("layers", [2, 4])
def test_layers_lie_between_zero_forcing_and_joint_detection(layers):
    """Independent Rayleigh fading, as many antennas on either side as layers, the power shared equally."""
    rng = np.random.default_rng(5)
    channel = rng.standard_normal((2, 4000, layers, layers)) / np.sqrt(2.0)
    channel = channel[0] + 1j * channel[1]
    gram = channel.conj().swapaxes(1, 2) @ channel
    inverse = np.linalg.inv(gram).diagonal(axis1=1, axis2=2).real
    for sinr_db in (0.0, 10.0, 20.0, 30.0):
        part = 10 ** (sinr_db / 10) / layers
        joint = np.log2(np.linalg.det(np.eye(layers) + part * gram).real)
        forced = np.log2(1.0 + part / inverse).sum(axis=1)
        ours = load_coupling.spectral_efficiency("shannon", [10 ** (sinr_db / 10)], layers=layers)[0]
        error = 3 * joint.std() / np.sqrt(joint.size)
        assert forced.mean() - error < ours < joint.mean() * (1.0 if sinr_db < 25.0 else 1.015) + error


@pytest.mark.parametrize("isa", sf._core.available_isas())
@pytest.mark.parametrize("curve", ["shannon", "mogensen", "cqi", "tr36942"])
def test_coupling_counts_with_the_layers(reference, curve, isa):
    """Loads at the fixed point are demand over the rate that the efficiency gives at their SINR."""
    rng = np.random.default_rng(2)
    gain = rng.uniform(1e-12, 1e-10, (60, 5))
    serving = gain.argmax(axis=1)
    demand = np.full(60, 5e5)
    kwargs = {"efficiency": curve, "layers": 3, "ceiling_bps_per_hz": 9.0}
    found = load_coupling.solve(gain, 1.0, 1e-13, demand, serving, 18e6, share=np.ones(5), isa=isa, **kwargs)
    sinr = reference("load_coupling").sinr(gain, np.ones(5), 1e-13, found.load, serving)
    rate = load_coupling.spectral_efficiency(curve, sinr, ceiling_bps_per_hz=9.0, layers=3)
    load = np.bincount(serving, demand / (18e6 * rate), minlength=5)
    assert load.max() < 1.0  # no cap is met
    np.testing.assert_allclose(found.load, load, rtol=2e-6)


def test_blocks_on_layers():
    bits = link_adaptation.transport_block_bits
    assert bits(26, 100, "lte", 2) == 150_752  # category 4: two codewords of 75,376
    assert bits(26, 100, "lte", 4) == pytest.approx(299_552, rel=7e-3)  # category 5, by the table for four layers
    assert bits(27, 273, "nr_qam256", 4) == link_adaptation.nr_transport_block_bits(273 * 144, 8, 948, 4)
    assert bits(27, 300, "nr_qam256", 3) == bits(27, 275, "nr_qam256", 3) + bits(27, 25, "nr_qam256", 3)
    assert link_adaptation.peak_bps_per_hz(100, "lte", 4) == 4 * link_adaptation.peak_bps_per_hz(100, "lte")
    for layers in (0, 5):
        with pytest.raises(ValueError, match="layers"):
            bits(3, 10, "lte", layers)
        with pytest.raises(ValueError, match="layers"):
            load_coupling.spectral_efficiency("shannon", [1.0], layers=layers)


@pytest.mark.parametrize("radio", [
    {"efficiency": "mogensen"}, {"efficiency": "cqi"}, {"efficiency": "transport_block"},
    {"efficiency": "transport_block", "technology": "nr", "mcs_table": "qam256"},
])  # fmt: skip
def test_more_layers_carry_more_with_fewer_prbs(radio):
    """What a PRB carries grows up to the ceiling, and the load falls."""
    load, carried = [], []
    for layers in (1, 2, 4):
        scenario = Scenario.paper(radio=radio | {"layers": layers})
        simulator = sf.Simulator(scenario)
        simulator.reset()
        kpis = [simulator.step(np.full((12, 4), 0.25)) for _ in range(12)][4:]
        load.append(np.mean([k.load.sum(axis=1) for k in kpis]))
        carried.append(np.mean([k.spectral_efficiency for k in kpis]))
        peak = link_adaptation.peak_bps_per_hz(100, scenario.radio.link_table, layers)
        assert scenario.ceiling_bps_per_hz == peak
        assert max(k.spectral_efficiency.max() for k in kpis) <= peak * (1 + 1e-9)
    assert load[0] > 1.15 * load[1] > 1.3 * load[2]
    assert carried[0] < carried[1] < carried[2]


def test_refusals():
    for layers in (0, 5, 2.5):
        with pytest.raises(ScenarioError, match=r"radio\.layers"):
            Scenario.paper(radio={"layers": layers})
