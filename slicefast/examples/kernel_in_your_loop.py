"""One kernel in a loop of your own: the load of three cells as users move to their edges."""

import numpy as np

import slicefast as sf

rng = np.random.default_rng(0)
site_m = np.array([[0.0, 0.0], [500.0, 0.0], [250.0, 433.0]])
power_w, noise_w, demand_bps, bandwidth_hz = np.full(3, 0.4), 6e-15, np.full(90, 300e3), 18e6
home = np.repeat(np.arange(3), 30)  # user u lives near site home[u]
direction = rng.uniform(0.0, 2.0 * np.pi, 90)

for distance_m in (50.0, 100.0, 150.0, 200.0):
    user_m = site_m[home] + distance_m * np.stack([np.cos(direction), np.sin(direction)], axis=1)
    link_m = np.linalg.norm(user_m[:, None] - site_m[None], axis=2)  # (U, N)
    gain = 10.0 ** (-sf.radio.path_loss_db("winner_plus_c2", False, link_m, 2.6e9) / 10.0)
    found = sf.load_coupling.solve(gain, power_w, noise_w, demand_bps, home, bandwidth_hz)
    print(f"{distance_m:5.0f} m from the site: load {np.round(found.load, 2)}")
