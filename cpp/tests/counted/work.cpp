// Work whose instructions are counted: `slicefast_counted step N` plays N steps of a network of 12 cells and 1,536
// users, `slicefast_counted update N` makes N updates of 12 agents. See instructions.py, which runs it under callgrind.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include "slicefast/learner.hpp"
#include "slicefast/network.hpp"
#include "slicefast/radio/link_model.hpp"

using namespace slicefast;

namespace {

constexpr Isa level = Isa::avx2;  // what callgrind knows
constexpr int n_sites = 4, n_cells = 3 * n_sites, n_slices = 4, n_users = 1536, window_ttis = 200, tile = 64;

std::shared_ptr<const LinkModel> links(std::mt19937& random) {
  RadioConfig radio;
  radio.model = path_loss_model("winner_plus_c2");
  radio.pattern = antenna_pattern("tr36814");
  radio.frequency_hz = 2.6e9;
  radio.wrap = true;
  radio.v1_x_m = 1000, radio.v2_y_m = 1000;
  std::vector<std::int32_t> offsets;
  for (int k = 0; k < n_sites; ++k) {
    radio.site_x_m.push_back(500.0 * (k % 2));
    radio.site_y_m.push_back(500.0 * (k / 2));
    radio.site_height_m.push_back(25);
    offsets.push_back(static_cast<std::int32_t>(random() % tile));
    for (double azimuth : {30.0, 150.0, 270.0}) {
      radio.cell_site.push_back(k);
      radio.azimuth_deg.push_back(azimuth);
      radio.tilt_deg.push_back(10);
    }
  }
  std::vector<float> nodes;
  for (int i = 0; i < tile * tile; ++i) nodes.push_back(static_cast<float>(random() % 401) / 100.0f - 2.0f);
  const FieldTiles tiles{.size = tile,
                         .e1_x_m = 1000,
                         .e2_y_m = 1000,
                         .los_state = nodes,
                         .shadow_los = nodes,
                         .shadow_nlos = nodes,
                         .row_offset = offsets,
                         .col_offset = offsets,
                         .common_cols = tile,
                         .common_rows = tile,
                         .common_los = nodes,
                         .common_nlos = nodes};
  return std::make_shared<LinkModel>(radio, tiles, level);
}

double part(std::mt19937& random) { return static_cast<double>(random() % 1000000) / 1e6; }

void steps(int n_steps) {
  std::mt19937 random(1);
  NetworkConfig config;
  config.scheduler = {.n_cells = n_cells,
                      .n_slices = n_slices,
                      .n_users = n_users,
                      .n_prb = 100,
                      .kind = SchedulerKind::round_robin,
                      .discard_ttis = std::vector<int>(n_slices, 0)};
  config.power_w.assign(n_cells, 0.2);
  config.noise_w = 5e-15;
  config.window_ttis = window_ttis;
  config.isa = level;
  std::vector<double> x_m, y_m;
  for (int u = 0; u < n_users; ++u) {
    config.slice_of.push_back(u % n_slices);
    x_m.push_back(1000 * part(random));
    y_m.push_back(1000 * part(random));
  }
  Network network(config, links(random));
  std::vector<std::int32_t> serving(n_users, -1), user, tti;
  std::vector<float> bits;
  for (int t = 0; t < window_ttis; ++t)
    for (int i = 0; i < 12; ++i) {
      user.push_back(static_cast<std::int32_t>(random() % n_users));
      tti.push_back(t);
      bits.push_back(8000.0f);
    }
  const std::vector<std::uint8_t> active(n_users, 1);
  const std::vector<double> share(n_cells * n_slices, 1.0 / n_slices);
  std::vector<double> out(cell_kpis.size() * n_cells * n_slices);
  WindowKpis kpis;
  for (std::size_t i = 0; i < cell_kpis.size(); ++i)
    kpis.*cell_kpis[i].values = {out.data() + i * n_cells * n_slices, n_cells, n_slices};
  for (int step = 0; step < n_steps; ++step) {
    for (double& x : x_m) x = std::fmod(x + 0.7, 1000.0);
    network.attach(x_m, y_m, serving);
    network.step({share.data(), n_cells, n_slices}, serving, {user, tti, bits, active}, kpis);
  }
}

void updates(int n_updates) {
  std::mt19937 random(1);
  LearnerConfig config;
  config.n_agents = 12, config.obs_dim = 16, config.action_dim = 4, config.batch_size = 32;
  config.actor_hidden = {48, 24}, config.critic_hidden = {64, 24};
  config.actor_lr = 5e-4, config.critic_lr = 1e-3, config.beta1 = 0.9, config.beta2 = 0.999, config.epsilon = 1e-8;
  config.gamma = 0.1, config.tau = 0.005, config.target_noise = 0.2, config.noise_clip = 0.5;
  Learner learner(config, 1, level);
  const std::size_t n = 12, capacity = 100, batch = 32;
  std::vector<float> actor[4], critic[4], ring(n * capacity * learner.width());
  for (int kind = 0; kind < 4; ++kind) {
    actor[kind].assign(n * learner.actor_stride(), 0.0f);
    critic[kind].assign(n * learner.critic_stride(), 0.0f);
  }
  for (auto* values : {&actor[0], &critic[0], &ring})
    for (float& value : *values) value = static_cast<float>(part(random) - 0.5);
  std::vector<std::int64_t> actor_steps(n, 0), critic_steps(n, 0), ids(n), index(n * batch);
  for (std::size_t a = 0; a < n; ++a) ids[a] = static_cast<std::int64_t>(a);
  for (auto& row : index) row = static_cast<std::int64_t>(random() % capacity);
  const std::vector<std::uint8_t> frozen(n, 0);
  std::vector<float> critic_loss(n), actor_loss(n);
  const auto banks = [&](std::vector<float>* of, std::size_t stride, std::vector<std::int64_t>& done) -> NetBanks {
    return {{of[0].data(), n, stride},
            {of[1].data(), n, stride},
            {of[2].data(), n, stride},
            {of[3].data(), n, stride},
            done};
  };
  const LearnerState state{banks(actor, learner.actor_stride(), actor_steps),
                           banks(critic, learner.critic_stride(), critic_steps),
                           ids,
                           frozen,
                           ring,
                           capacity};
  for (int i = 0; i < n_updates; ++i)
    learner.update(state, {index.data(), n, batch}, static_cast<std::uint64_t>(i), i % 2 == 1, critic_loss, actor_loss);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 3 ? argv[1] : "";
  if (what != "step" && what != "update") {
    std::fprintf(stderr, "usage: slicefast_counted step|update N\n");
    return 2;
  }
  const int n = std::atoi(argv[2]);
  what == "step" ? steps(n) : updates(n);
}
