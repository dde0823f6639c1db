"""Networks of CRRM and Sionna: their SINR is ours, with their gains and with our own links at their places."""

import numpy as np
import pytest

from slicefast import files
from slicefast.validation import peers


@pytest.mark.parametrize("name", ["crrm", "sionna"])
def test_a_peers_sinr_is_ours(name):
    network = peers.networks()[name]
    assert network.gain_db.shape == (105, 7 if name == "crrm" else 21)
    # 0.001 dB of the stored numbers, and single precision: far below the 0.1 dB that are asked for.
    np.testing.assert_allclose(peers.sinr_of_its_gains_db(network), network.sinr_db, atol=0.005)
    np.testing.assert_allclose(peers.sinr_of_our_links_db(network), network.sinr_db, atol=0.01)


def test_the_page_has_the_table(tmp_path):
    found = {"crrm": (0.001, 0.002), "sionna": (0.003, 0.004)}
    text = peers.table(found)
    assert text.count("\n") == 3
    assert "CRRM 2.0.2" in text
    assert "0.0040 dB |" in text
    page = tmp_path / "page.md"
    page.write_text("<!-- peers begins -->\n<!-- peers ends -->\n")
    files.replace_sections(page, {"peers": text})
    assert text in page.read_text()
