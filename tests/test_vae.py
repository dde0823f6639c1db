"""The variational autoencoder: what it learns, determinism, refusals."""

import numpy as np
import pytest
import torch

from slicefast.learn import VAE, modules

pytestmark = pytest.mark.usefixtures("one_thread")


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
    error = (vae.decode(mean) - samples) / vae.normaliser.scale
    assert np.sqrt((error**2).mean()) < 0.5
    np.testing.assert_allclose(vae.normaliser.mean, samples.mean(axis=0))


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
    with pytest.raises(ValueError, match=r"samples: got shape \(5, 16\)"):
        VAE().fit(np.zeros((5, 16)))
    with pytest.raises(ValueError, match=r"samples row 3: .*finite numbers"):
        VAE().fit(np.where(np.arange(5)[:, None] == 3, np.nan, 1.0) * np.ones((5, 17)))
    with pytest.raises(ValueError, match="at least 2"):
        VAE().fit(np.zeros((1, 17)))


def forward(layers, x):
    """Return the outputs of linear layers with ReLU between them."""
    linear = [layer for layer in layers if isinstance(layer, torch.nn.Linear)]
    for number, layer in enumerate(linear):
        x = x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
        if number + 1 < len(linear):
            x = np.maximum(x, 0.0)
    return x


@pytest.mark.parametrize("weight", [10.0, 0.5])
def test_loss_by_hand(weight):
    """Reconstruction weighs `weight`, the divergence 1; means over both samples, divided by the 3 components."""
    vae = VAE(input_dim=3, latent_dim=2, hidden=(5,), reconstruction_weight=weight)
    rng = np.random.default_rng(0)
    vae.fit(rng.normal(size=(20, 3)), epochs=1, seed=2)
    x, noise = rng.normal(size=(2, 3)), rng.normal(size=(2, 2))
    expected = 0.0
    for sample, eps in zip(x, noise, strict=True):
        encoded = forward(vae.encoder, sample)
        mean, log_variance = encoded[:2], encoded[2:]
        error = np.sum((sample - forward(vae.decoder, mean + np.exp(0.5 * log_variance) * eps)) ** 2)
        divergence = 0.5 * np.sum(np.exp(log_variance) + mean**2 - 1.0 - log_variance)
        assert divergence > 0.01  # or its weight would not be seen
        expected += (weight * error + divergence) / 3 / 2
    with torch.no_grad():
        found = vae._loss(torch.from_numpy(x.astype(np.float32)), torch.from_numpy(noise.astype(np.float32)))
    assert float(found) == pytest.approx(expected, rel=1e-5)  # float32


def test_training_goes_down_the_loss_from_the_first_weights():
    """Without a reconstruction to learn, what is left is the divergence, which training brings to zero."""
    samples = np.random.default_rng(0).normal(size=(64, 17))
    vae = VAE(reconstruction_weight=0.0, batch_size=16)
    curve = vae.fit(samples, epochs=40, seed=1)
    assert curve[-1] < 0.05 * curve[0]
    mean, variance = vae.encode(samples)
    np.testing.assert_allclose(mean, 0.0, atol=0.1)
    np.testing.assert_allclose(variance, 1.0, atol=0.1)
    start = VAE()
    assert start.fit(samples, epochs=0, seed=1) == []
    for layer in (start.encoder[0], start.decoder[0]):
        bound = layer.in_features**-0.5
        for parameter in (layer.weight, layer.bias):
            assert parameter.abs().max() <= bound
        assert layer.weight.abs().max() > 0.8 * bound


def test_log_variances_are_bounded():
    vae = VAE(input_dim=1, latent_dim=1, hidden=(1,))
    with torch.no_grad():
        for layer in (vae.encoder[0], vae.encoder[2]):
            layer.weight[:] = 1000.0
            layer.bias[:] = 0.0
    _, variance = vae.encode([[1.0], [-1.0]])
    np.testing.assert_allclose(variance[:, 0], [np.exp(6.0), 1.0], rtol=1e-6)
    with torch.no_grad():
        vae.encoder[2].weight[:] = -1000.0
    np.testing.assert_allclose(vae.encode([[1.0]])[1], [[np.exp(-14.0)]], rtol=1e-6)


def test_fit_is_the_loop_written_out():
    """Epochs of shuffled batches of 4, 4 and 2: Adam at the rate given, and a loss that counts samples, not batches."""
    samples = np.random.default_rng(0).normal(size=(10, 3))
    options = {"input_dim": 3, "latent_dim": 2, "hidden": (5,), "learning_rate": 0.02, "batch_size": 4}
    twin, generator = VAE(**options), torch.Generator().manual_seed(6)
    modules.initialise(torch.nn.ModuleList([twin.encoder, twin.decoder]), generator)
    spread = (samples - samples.mean(axis=0)) / samples.std(axis=0)
    optimiser = torch.optim.Adam([*twin.encoder.parameters(), *twin.decoder.parameters()], lr=0.02)
    expected = []
    for _ in range(3):
        shuffled = torch.from_numpy(spread.astype(np.float32))[torch.randperm(10, generator=generator)]
        losses = []
        for rows in (slice(0, 4), slice(4, 8), slice(8, 10)):
            x = shuffled[rows]
            loss = twin._loss(x, torch.randn((len(x), 2), generator=generator))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses += [loss.item()] * len(x)
        expected.append(np.mean(losses))
    vae = VAE(**options)
    np.testing.assert_allclose(vae.fit(samples, epochs=3, seed=6), expected, rtol=1e-6)  # float32
    np.testing.assert_allclose(vae.fit(samples, epochs=3, seed=6), expected, rtol=1e-6)  # from scratch again
    for mine, theirs in zip(vae.encoder.parameters(), twin.encoder.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_two_samples_are_enough():
    assert len(VAE(input_dim=2).fit([[0.0, 1.0], [1.0, 5.0]], epochs=2)) == 2


def test_a_loss_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match=r"loss is not finite in epoch [12]: lower the learning rate"):
        VAE(input_dim=3, learning_rate=1e12, batch_size=4).fit(np.random.default_rng(0).normal(size=(20, 3)), epochs=3)


def test_every_setting_is_in_the_file(tmp_path):
    vae = VAE(input_dim=3, latent_dim=2, hidden=(5, 4), reconstruction_weight=2.0, learning_rate=0.1, batch_size=7)
    vae.save(tmp_path / "vae.safetensors")
    loaded = VAE.load(tmp_path / "vae.safetensors")
    assert (loaded.input_dim, loaded.latent_dim, loaded.hidden) == (3, 2, (5, 4))
    assert (loaded.reconstruction_weight, loaded.learning_rate, loaded.batch_size) == (2.0, 0.1, 7)
    assert [layer.out_features for layer in loaded.decoder if isinstance(layer, torch.nn.Linear)] == [4, 5, 3]
