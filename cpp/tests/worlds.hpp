// A small network for tests: three cells of one site, twelve users, two slices.
#pragma once

#include <memory>
#include <vector>

#include "slicefast/network.hpp"
#include "slicefast/radio/link_model.hpp"

namespace slicefast::worlds {

struct SmallWorld {
  static constexpr int n_cells = 3, n_slices = 2, n_users = 12, window_ttis = 40;
  std::vector<float> no_field = std::vector<float>(16 * 16, 0.0f);
  std::vector<std::int32_t> slice_of, serving;
  std::vector<double> x_m, y_m, share{0.3, 0.7, 0.5, 0.5, 0.9, 0.1};
  std::vector<std::int32_t> arrival_user, arrival_tti;
  std::vector<float> arrival_bits;
  std::vector<std::uint8_t> active = std::vector<std::uint8_t>(n_users, 1);
  std::vector<double> out = std::vector<double>(cell_kpis.size() * n_cells * n_slices);
  NetworkConfig config;
  std::shared_ptr<const LinkModel> links;

  explicit SmallWorld(Fidelity fidelity = Fidelity::tti) {
    for (int u = 0; u < n_users; ++u) {
      slice_of.push_back(u % n_slices);
      x_m.push_back(100.0 * (u % 4) - 150.0);
      y_m.push_back(120.0 * (u / 4) - 110.0);
    }
    serving.assign(n_users, -1);
    for (int t = 0; t < window_ttis; ++t) {
      arrival_user.push_back(t * 5 % n_users);
      arrival_tti.push_back(t);
      arrival_bits.push_back(20000.0f);
    }
    RadioConfig radio;
    radio.model = path_loss_model("winner_plus_c2");
    radio.pattern = antenna_pattern("tr36814");
    radio.frequency_hz = 2.6e9;
    radio.site_x_m = {0.0};
    radio.site_y_m = {0.0};
    radio.site_height_m = {25.0};
    radio.cell_site = {0, 0, 0};
    radio.azimuth_deg = {0.0, 120.0, 240.0};
    radio.tilt_deg = {10.0, 10.0, 10.0};
    radio.shadowing = false;
    const std::vector<std::int32_t> offsets{0};
    const FieldTiles tiles{.size = 16,
                           .e1_x_m = 300,
                           .e2_y_m = 300,
                           .los_state = no_field,
                           .shadow_los = no_field,
                           .shadow_nlos = no_field,
                           .row_offset = offsets,
                           .col_offset = offsets,
                           .common_cols = 16,
                           .common_rows = 16,
                           .common_los = no_field,
                           .common_nlos = no_field};
    links = std::make_shared<LinkModel>(radio, tiles, Isa::baseline);
    config.scheduler = {.n_cells = n_cells, .n_slices = n_slices, .n_users = n_users, .n_prb = 25};
    config.power_w = {0.2, 0.2, 0.2};
    config.noise_w = 1e-15;
    config.efficiency = Efficiency::shannon;
    config.window_ttis = window_ttis;
    config.handover.margin_db = 3;
    config.handover.time_to_trigger_steps = 2;
    config.slice_of = slice_of;
    config.fidelity = fidelity;
    if (fidelity == Fidelity::flow) config.packet_bits.assign(n_users, 20000.0);
  }

  Network network() const { return Network(config, links); }
  Arrivals arrivals() const { return {arrival_user, arrival_tti, arrival_bits, active}; }
  ConstMatrixView<double> shares() const { return {share.data(), n_cells, n_slices}; }
  WindowKpis kpis() {
    WindowKpis kpis;
    double* at = out.data();
    for (const CellKpi& kpi : cell_kpis) {
      kpis.*kpi.values = {at, n_cells, n_slices};
      at += n_cells * n_slices;
    }
    return kpis;
  }
  // A step of users who walk on.
  void step(Network& network) {
    for (double& x : x_m) x += 7.0;
    network.attach(x_m, y_m, serving);
    network.step(shares(), serving, arrivals(), kpis());
  }
};

}  // namespace slicefast::worlds
