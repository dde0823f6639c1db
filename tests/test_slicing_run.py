"""A slicing run is read, fitted and replayed: made-up ones with known numbers, without and with noise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from slicefast.scenario import ScenarioError
from slicefast.validation import __main__ as validation
from slicefast.validation import replay as slicing_run

LOAD_BPS, PRB_BPS, BUFFER_BITS = np.array([4e6, 50e3, 100e3]), 1.2e6, 150e3 * 8
DELAY_S, USERS = 0.2, 2


def fluid_run(tmp_path, n_s=240, seed=3, noise=0.0):
    """Write the files of a run of fluid queues in 10 ms steps: three slices, USERS each, a buffer per user.

    Reported rates are off by a normal error of standard deviation `noise`, relative.
    """
    rng = np.random.default_rng(seed)
    per_s, step_s = 100, 0.01
    prb = np.array([(30, 9, 11), (5, 10, 35), (18, 15, 17), (5, 34, 11)])
    changes = np.arange(0, n_s, 4)
    chosen = prb[np.append(0, 1 + rng.integers(3, size=changes.size - 1))]
    moment = np.arange(n_s * per_s) * step_s
    held = chosen[np.searchsorted(changes + 0.13, moment, side="right") - 1]  # -1 before the first: any will do
    held[moment < 0.13] = chosen[0]
    queue, sent, queued = np.zeros(3), np.zeros((moment.size, 3)), np.zeros((moment.size, 3))
    for k in range(moment.size):
        queue = np.minimum(queue + USERS * LOAD_BPS * step_s, USERS * BUFFER_BITS)
        sent[k] = np.minimum(queue, held[k] * PRB_BPS * step_s)
        queue = queue - sent[k]
        queued[k] = queue
    kpis, actions = tmp_path / "kpis.csv", tmp_path / "actions.csv"
    lines = ["t_s,slice_id,n_rows,sum_dl_buffer_bytes,sum_tx_brate_dl_mbps,slice_prb,sum_tx_pkts_dl"]
    for second in range(1, n_s):
        end = second * per_s
        twice = 2 if second % 50 == 0 else 1  # two reports in one
        for s in (2, 1, 0):
            mbps, waiting = twice * sent[end - per_s : end, s].sum() / 1e6, twice * queued[end - 1, s] / 8
            mbps *= 1.0 + (noise * rng.normal() if noise else 0.0)
            lines.append(f"{second + DELAY_S},{s},{twice * USERS},{waiting:.1f},{mbps:.4f},{held[end - 1, s]},100.0")
    kpis.write_text("\n".join(lines) + "\n")
    rows = [f"{t + 0.13:.2f},{a},{b},{c},0,0,0" for t, (a, b, c) in zip(changes, chosen, strict=True)]
    actions.write_text("t_s,prb_slice0,prb_slice1,prb_slice2,sched0,sched1,sched2\n" + "\n".join(rows) + "\n")
    return kpis, actions


def test_known_numbers_are_found_and_replayed(tmp_path):
    run = slicing_run.read_run(*fluid_run(tmp_path))
    assert (run.users == USERS).all()
    fit = slicing_run.fit_run(run)
    assert fit.delay_s == pytest.approx(DELAY_S, abs=0.11)  # changes come 0.13 s late: 0.1 fits as well
    assert fit.period_s == pytest.approx(1.0)
    np.testing.assert_allclose(fit.load_bps, LOAD_BPS, rtol=1e-3)
    np.testing.assert_allclose(fit.prb_bps, PRB_BPS, rtol=1e-3)
    assert fit.buffer_bits == pytest.approx(BUFFER_BITS, rel=0.05)
    ours = slicing_run.replay(run, fit)
    found = slicing_run.compare(run, fit, ours)
    # The queues are fluid there and packets here: a packet of 12,000 bits more or less in a second of 8 Mbit is 0.15 %,
    # and the delay found is 0.1 s off, which matters around changes.
    assert found.error[0] < 0.01
    assert found.load_error[0] > 2 * found.error[0]
    assert found.short[:, 0].sum() > 20
    assert not found.short[:, 1:].any()
    # Poisson packets of 1,000 bits: 100 and 200 a second, so 10 and 7 % from second to second.
    assert (found.error[1:] < (0.12, 0.09)).all()
    # Over 159 s 0.8 and 0.6 %; four times that, and the even load to the packet.
    assert (np.abs(found.ours_bps / found.measured_bps - 1) < (0.001, 0.032, 0.024)).all()
    # The load of a slice in PRBs: what it sent over what a PRB carries.
    np.testing.assert_allclose(ours.load * 50 * PRB_BPS, ours.rate_bps, rtol=0.05, atol=0.2 * PRB_BPS)
    text = slicing_run.sentence(run, fit, ours)
    assert "in which eMBB had a standing queue" in text
    assert "MTC and URLLC never had one" in text
    # 1.2 Mbit/s in 180 kHz; I_TBS 26 over 50 PRBs is 36,696 bits (TS 36.213 Table 7.1.7.2.1-1).
    assert f"is 6.7 bit/s/Hz, above the {36696 / 50 / 180:.1f} of LTE's largest transport block over 50 PRBs" in text
    possible = dataclasses.replace(fit, prb_bps=fit.prb_bps / 2)
    assert "cannot be all" not in slicing_run.sentence(run, possible, ours)


def test_a_run_with_noisy_reports_is_met(tmp_path):
    # What the measured run was held to: a second of the slice that queues within 5 %, its mean in queues within 10 %.
    run = slicing_run.read_run(*fluid_run(tmp_path, n_s=600, noise=0.03))
    fit = slicing_run.fit_run(run)
    found = slicing_run.compare(run, fit, ours := slicing_run.replay(run, fit))
    assert found.prb_agreement > 0.99
    assert 0.02 < found.error[0] < 0.05 < found.load_error[0]
    np.testing.assert_allclose(found.ours_bps, found.measured_bps, rtol=0.03)
    short = found.short[:, 0]
    assert short.sum() > 100
    assert ours.rate_bps[short, 0].mean() == pytest.approx(run.rate_bps[short, 0].mean(), rel=0.1)


def test_the_command_prints_the_sentences_draws_and_fills_the_page(tmp_path, capsys):
    kpis, actions = fluid_run(tmp_path)
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- replay begins -->\nof before\n<!-- replay ends -->\nafter\n")
    assert validation.main(["--replay", str(kpis), str(actions), "--figures", str(tmp_path), "--into", str(page)]) == 0
    printed = capsys.readouterr().out
    assert "reports are 0." in printed
    assert "our scheduler gives eMBB" in printed
    assert printed.strip() in page.read_text()
    assert "of before" not in page.read_text()
    assert (tmp_path / "slicing_run.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("3.2,2,", "3.2,1,", "must hold every slice"),
        ("5.2,1,2,", "5.2,1,-2,", "row 15 column n_rows"),
        ("7.2,", "1.2,", "row 20 column t_s"),
        ("slice_prb", "prb", "no column slice_prb"),
    ],
)
def test_bad_reports_are_refused(tmp_path, capsys, old, new, word):
    kpis, actions = fluid_run(tmp_path, n_s=20)
    kpis.write_text(kpis.read_text().replace(old, new, 1))
    with pytest.raises(ScenarioError, match=word):
        slicing_run.read_run(kpis, actions)
    assert validation.main(["--replay", str(kpis), str(actions)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_bad_actions_are_refused(tmp_path):
    kpis, actions = fluid_run(tmp_path, n_s=20)
    actions.write_text(actions.read_text().replace("4.13,", "4.13,1", 1))
    with pytest.raises(ScenarioError, match="row 3 column prb_slice0"):
        slicing_run.read_run(kpis, actions)
