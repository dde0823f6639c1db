"""The variational autoencoder: what it learns, determinism, refusals."""

import numpy as np
import pytest

from slicefast.learn import VAE


def two_clusters(n=400):
    rng = np.random.default_rng(0)
    centre = rng.normal(size=(2, 17))
    label = np.arange(n) % 2
    samples = centre[label] + 0.1 * rng.normal(size=(n, 17))
    samples[:, 3] *= 1e4  # units differ by orders of magnitude
    samples[:, 5] = 7.0  # a component that never varies
    return samples, label


def test_separates_clusters_and_reconstructs():
    samples, label = two_clusters()
    vae = VAE()
    curve = vae.fit(samples, epochs=60, seed=1)
    assert curve is vae.loss_curve
    assert len(curve) == 60
    assert curve[-1] < 0.5 * curve[0]
    mean, variance = vae.encode(samples)
    assert mean.shape == variance.shape == (400, 4)
    assert mean.dtype == variance.dtype == np.float64
    assert (variance > 0).all()
    gap = mean[label == 0].mean(axis=0) - mean[label == 1].mean(axis=0)
    assert np.linalg.norm(gap) > 3 * mean[label == 0].std(axis=0).max()
    error = (vae.decode(mean) - samples) / vae.input_scale
    assert np.sqrt((error**2).mean()) < 0.5
    np.testing.assert_allclose(vae.input_mean, samples.mean(axis=0))


def test_same_seed_same_result_and_files_round_trip(tmp_path):
    samples, _ = two_clusters(200)
    one, other, third = VAE(), VAE(), VAE()
    assert one.fit(samples, epochs=3, seed=4) == other.fit(samples, epochs=3, seed=4)
    assert one.fit(samples, epochs=3, seed=4) != third.fit(samples, epochs=3, seed=5)
    one.save(tmp_path / "vae.safetensors")
    loaded = VAE.load(tmp_path / "vae.safetensors")
    for mine, theirs in zip(one.encode(samples), loaded.encode(samples), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert loaded.loss_curve == one.loss_curve


def test_refuses_by_name():
    with pytest.raises(ValueError, match="samples: got shape"):
        VAE().fit(np.zeros((5, 16)))
    with pytest.raises(ValueError, match="row 3 is not finite"):
        VAE().fit(np.where(np.arange(5)[:, None] == 3, np.nan, 1.0) * np.ones((5, 17)))
    with pytest.raises(ValueError, match="at least 2"):
        VAE().fit(np.zeros((1, 17)))
