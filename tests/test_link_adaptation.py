"""Link adaptation of LTE and NR: transport blocks, CQIs and MCSs against the standards' tables and a twin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicefast import link_adaptation, scheduling

NR = ("nr_qam64", "nr_qam256", "nr_qam64_low_se")


@pytest.mark.parametrize(
    ("elements", "order", "rate_1024", "layers", "bits"),
    [
        # TS 38.214 5.1.3.2 by hand. N_info = 156 x 273 x 8 x 948 / 1024 x 4 = 1,261,670: n = 15, N' = 39 x 2^15, 152
        # code blocks; the 159,749 bytes that open base stations log for 100 MHz, MCS 27 and four layers.
        (156 * 273, 8, 948, 4, 8 * 159_749),
        # N_info = 144 x 273 x 8 x 948 / 1024 = 291,154.5: n = 13, N' = 36 x 2^13, 36 code blocks of 1,025 bytes.
        (144 * 273, 8, 948, 1, 295_176),
        # N_info = 144 x 120 / 1024 x 2 = 33.75: n = 3, N' = 32, in the table.
        (144, 2, 120, 1, 32),
        # N_info = 144 x 11 x 2 x 193 / 1024 = 597.09: n = 3, N' = 592, the next of the table is 608.
        (144 * 11, 2, 193, 1, 608),
        # N_info = 144 x 100 x 2 x 120 / 1024 = 3,375: n = 5, N' = 105 x 32 = 3,360, the next is 3,368.
        (14_400, 2, 120, 1, 3_368),
        # Just above the table, R <= 1/4: N_info = 144 x 120 x 2 x 120 / 1024 = 4,050; n = 6, N' = 63 x 64 = 4,032: two
        # code blocks of up to 3,816 bits.
        (144 * 120, 2, 120, 1, 4_040),
        # N_info = 8,412.19: n = 8, N' = 33 x 256 = 8,448 > 8,424: two code blocks.
        (5_982, 4, 360, 1, 8_456),
    ],
)  # fmt: skip
def test_nr_transport_blocks_by_hand(reference, elements, order, rate_1024, layers, bits):
    assert reference("link_adaptation").block_bits(elements, order, rate_1024, layers) == bits
    assert link_adaptation.nr_transport_block_bits(elements, order, rate_1024, layers) == bits


@given(st.integers(1, 60_000), st.sampled_from([2, 4, 6, 8]), st.integers(60, 1896), st.integers(1, 4))
def test_any_nr_transport_block_is_the_twins(elements, order, rate_2048, layers):
    from pathlib import Path
    from runpy import run_path

    twin = run_path(str(Path(__file__).parent / "reference" / "link_adaptation.py"))["block_bits"]
    rate = rate_2048 / 2
    assert link_adaptation.nr_transport_block_bits(elements, order, rate, layers) == twin(elements, order, rate, layers)


@pytest.mark.parametrize("table", NR)
def test_nr_tables_are_the_twins(reference, table):
    twin = reference("link_adaptation")
    rows, indicators = twin.TABLES[table]
    for mcs in range(len(rows)):
        for n_prb in (1, 2, 11, 24, 51, 106, 133, 273):
            assert link_adaptation.transport_block_bits(mcs, n_prb, table) == twin.prb_block_bits(table, mcs, n_prb)
    with pytest.raises(ValueError, match=f"^index: got {len(rows)}"):
        link_adaptation.transport_block_bits(len(rows), 1, table)
    expected = [twin.mcs_of_cqi(table, indicator + 1) for indicator in range(len(indicators))]
    np.testing.assert_array_equal(link_adaptation.tbs_index(np.arange(1, 16), table), expected)
    assert link_adaptation.tbs_index(0, table) == -1


@pytest.mark.parametrize("table", NR)
def test_nr_blocks_grow_with_their_prbs(table):
    # The scheduler looks for the fewest PRBs that carry a queue by bisection.
    rows = 28 if table == "nr_qam256" else 29
    for mcs in range(rows):
        bits = [link_adaptation.transport_block_bits(mcs, n_prb, table) for n_prb in range(1, 276)]
        assert (np.diff(bits) >= 0).all()


def test_cqi_thresholds():
    # The efficiencies that NR shares with LTE have LTE's thresholds: 16QAM 490 / 1024 is CQI 8, 5 and 10.
    sinr = 10 ** (np.array([6.50, 6.52]) / 10)
    np.testing.assert_array_equal(link_adaptation.cqi(sinr), [7, 8])
    np.testing.assert_array_equal(link_adaptation.cqi(sinr, "nr_qam64"), [7, 8])
    np.testing.assert_array_equal(link_adaptation.cqi(sinr, "nr_qam256"), [4, 5])
    np.testing.assert_array_equal(link_adaptation.cqi(sinr, "nr_qam64_low_se"), [9, 10])
    # 256QAM: 3 dB above Shannon's SINR 2^7.4063 - 1 of the highest CQI, 25.27 dB; the lowest low rate: 2 dB above it.
    np.testing.assert_array_equal(link_adaptation.cqi(10 ** (np.array([25.2, 25.3]) / 10), "nr_qam256"), [14, 15])
    low_db = 10 * np.log10(2**0.0586 - 1) + 2
    np.testing.assert_array_equal(
        link_adaptation.cqi(10 ** (np.array([low_db - 0.01, low_db + 0.01]) / 10), "nr_qam64_low_se"), [0, 1]
    )
    for table in ("lte", *NR):
        assert (np.diff(link_adaptation.cqi(np.logspace(-2, 4, 1000), table)) >= 0).all()


def test_peak_rates():
    # 75,376 bits a millisecond over 18 MHz; 295,176 bits in half a millisecond over 273 PRBs of 360 kHz.
    assert link_adaptation.peak_bps_per_hz(100) == pytest.approx(75_376 / 18e3)
    assert link_adaptation.peak_bps_per_hz(273, "nr_qam256") == pytest.approx(295_176 / (0.5e-3 * 273 * 360e3))


def test_lte_blocks_are_the_standards(tmp_path):
    # TS 36.213 Table 7.1.7.2.1-1 at its corners. I_TBS 6 carries 328 bits over one PRB, more than over two.
    for index, n_prb, bits in ((0, 1, 16), (26, 1, 712), (0, 110, 3_112), (26, 110, 75_376), (6, 1, 328), (6, 2, 176)):
        assert link_adaptation.transport_block_bits(index, n_prb) == bits


def test_a_queue_takes_the_fewest_prbs_that_carry_it():
    # I_TBS 6: 328, 176, 256, 392 bits over 1, 2, 3, 4 PRBs. 300 bits take one PRB, 350 four.
    for bits, n_prb in ((300, 1), (350, 4)):
        result = scheduling.schedule_window(1, [0], [0], [bits], share=[[1.0]], tbs_index=[6], n_prb=10)
        assert result.load[0, 0] == pytest.approx(n_prb / 10)
        assert result.user_queued_bits[0] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: link_adaptation.cqi(1.0, "nr"), "table: got 'nr', allowed: lte, nr_qam64"),
        (lambda: link_adaptation.tbs_index(16, "nr_qam64"), "cqi: got 16, allowed: 0 to 15"),
        (lambda: link_adaptation.nr_transport_block_bits(0, 2, 120), "resource_elements: got 0"),
        (lambda: link_adaptation.nr_transport_block_bits(100, 2, 1024), "code_rate"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
