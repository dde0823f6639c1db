#include "walk_world.hpp"

#include <algorithm>

#include "slicefast/simd.hpp"

namespace slicefast::walk {

Choices::Choices(std::span<const std::uint8_t> bytes) {
  const std::size_t n_seed = std::min<std::size_t>(bytes.size(), 2);
  for (std::size_t i = 0; i < n_seed; ++i) state_ = state_ * 256 + bytes[i];
  bytes_ = bytes.subspan(n_seed);
}

std::uint64_t Choices::next() {
  state_ += 0x9e3779b97f4a7c15u;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::size_t Choices::below(std::size_t n) {
  if (bytes_.empty()) return value_below(n);
  const std::size_t byte = bytes_.front();
  bytes_ = bytes_.subspan(1);
  return byte % n;
}

double Choices::between(double low, double high) {
  return low + (high - low) * static_cast<double>(next() >> 11) * 0x1p-53;
}

FieldTiles World::tiles() const {
  return {.size = tile_size,
          .e1_x_m = e1_x_m,
          .e1_y_m = e1_y_m,
          .e2_x_m = e2_x_m,
          .e2_y_m = e2_y_m,
          .los_state = los_state,
          .shadow_los = shadow_los,
          .shadow_nlos = shadow_nlos,
          .los_state_decorrelation_m = 50,
          .row_offset = row_offset,
          .col_offset = col_offset,
          .common_cols = common_cols,
          .common_rows = common_rows,
          .common_los = common_los,
          .common_nlos = common_nlos};
}

namespace {

void draw_fields(Choices& choices, World& world, std::size_t n_sites) {
  world.tile_size = choices.of({2, 4, 16});
  const double period = choices.between(50, 500);
  world.e1_x_m = period;
  world.e2_x_m = choices.one_in(2) ? period / 2 : 0.0;
  world.e2_y_m = period * choices.between(0.7, 1.2);
  const auto nodes = static_cast<std::size_t>(world.tile_size * world.tile_size);
  for (auto* field : {&world.los_state, &world.shadow_los, &world.shadow_nlos}) {
    field->resize(nodes);
    for (float& node : *field) node = static_cast<float>(choices.between(-2.5, 2.5));
  }
  world.common_cols = choices.one_in(2) ? world.tile_size : 2;
  world.common_rows = choices.one_in(2) ? world.tile_size : 2;
  for (auto* field : {&world.common_los, &world.common_nlos}) {
    field->resize(static_cast<std::size_t>(world.common_cols) * static_cast<std::size_t>(world.common_rows));
    for (float& node : *field) node = static_cast<float>(choices.between(-2.5, 2.5));
  }
  for (auto* offset : {&world.row_offset, &world.col_offset}) {
    offset->resize(n_sites);
    const auto size = static_cast<std::size_t>(world.tile_size);
    for (std::int32_t& nodes_away : *offset) nodes_away = static_cast<std::int32_t>(choices.value_below(size));
  }
}

void draw_sites(Choices& choices, World& world, std::size_t n_sites) {
  RadioConfig& radio = world.radio;
  for (std::size_t k = 0; k < n_sites; ++k) {
    radio.site_x_m.push_back(choices.between(0, world.extent_m));
    radio.site_y_m.push_back(choices.between(0, world.extent_m));
    radio.site_height_m.push_back(radio.ue_height_m + choices.between(0.5, 40));
  }
  const std::size_t n_cells = n_sites > 8 ? n_sites : 1 + choices.below(3 * n_sites);
  const bool in_order = choices.below(4) > 0;
  for (std::size_t n = 0; n < n_cells; ++n) {
    radio.cell_site.push_back(
        static_cast<std::int32_t>(in_order ? n * n_sites / n_cells : choices.value_below(n_sites)));
    radio.azimuth_deg.push_back(choices.between(-400, 400));
    radio.tilt_deg.push_back(choices.between(-10, 30));
  }
}

void draw_radio(Choices& choices, World& world, const Limits& limits) {
  RadioConfig& radio = world.radio;
  const std::vector<NamedModel> models = path_loss_models();
  radio.model = models[choices.below(models.size())].model;
  radio.pattern = choices.of(
      {AntennaPattern::tr36814, AntennaPattern::m2135, AntennaPattern::tr38901_element, AntennaPattern::omni});
  if (radio.pattern == AntennaPattern::tr38901_element) radio.elements = choices.of({1, 2, 10});
  const ModelParameters model = model_parameters(radio.model);
  radio.frequency_hz = choices.between(model.min_frequency_hz, model.max_frequency_hz);
  radio.ue_height_m = choices.of({1.5, 1.1, 2.5, 12.9});
  radio.shadowing = choices.below(4) > 0;
  radio.site_correlation = choices.of({0.5, 0.0, 1.0});
  const bool folds = choices.one_in(limits.rarity_of_folding);
  const std::size_t n_sites = folds ? 39 : 1 + choices.below(4);
  draw_fields(choices, world, n_sites);
  const double periods = folds ? 4 + static_cast<double>(choices.below(8)) : 1 + static_cast<double>(choices.below(4));
  world.extent_m = periods * world.e1_x_m;
  radio.wrap = choices.one_in(2);
  radio.v1_x_m = periods * world.e1_x_m, radio.v1_y_m = 0;
  radio.v2_x_m = periods * world.e2_x_m, radio.v2_y_m = periods * world.e2_y_m;
  radio.sigma_indoor_db = choices.of({0.0, 7.0});
  radio.further_images = choices.one_in(4);
  radio.fold_db = folds ? choices.of({0.1, 0.01, 3.0}) : 0.0;
  if (!folds)
    radio.line_of_sight = choices.of({LineOfSight::model, LineOfSight::always, LineOfSight::never, LineOfSight::soft});
  draw_sites(choices, world, n_sites);
}

std::shared_ptr<const UserProfile> draw_profile(Choices& choices, std::size_t n_users) {
  std::vector<double> height(n_users), inside(n_users), loss(n_users), draw(n_users);
  std::vector<std::uint8_t> indoor(n_users);
  for (std::size_t u = 0; u < n_users; ++u) {
    height[u] = 1.5 + 3.0 * static_cast<double>(choices.value_below(8));
    indoor[u] = choices.value_below(2) == 1;
    inside[u] = indoor[u] ? choices.between(0, 25) : 0.0;
    loss[u] = indoor[u] ? choices.between(0, 40) : 0.0;
    draw[u] = choices.between(0, 1);
  }
  return std::make_shared<const UserProfile>(height, indoor, inside, loss, draw);
}

SchedulerConfig draw_scheduler(Choices& choices, const Limits& limits, std::size_t n_cells) {
  SchedulerConfig config;
  config.n_cells = static_cast<int>(n_cells);
  config.n_slices = 1 + static_cast<int>(choices.below(4));
  config.n_users = 1 + static_cast<int>(choices.below(limits.n_users));
  config.n_prb = choices.of({25, 1, 3, 100, 111, 273});
  config.kind = choices.of({SchedulerKind::proportional_fair, SchedulerKind::round_robin, SchedulerKind::max_ci});
  config.alpha = choices.of({1.0, 0.0, 0.5, 3.0});
  config.beta = choices.of({1.0, 0.0, 0.5, 8.0});
  config.averaging_ttis = choices.of({100.0, 1.5, 2.0, 1e6});
  if (choices.one_in(3))
    for (int s = 0; s < config.n_slices; ++s) config.discard_ttis.push_back(choices.of({0, 1, 7, 100}));
  config.rbg_prb = choices.below(3) > 0 ? 1 : std::min(config.n_prb, choices.of({2, 4, 16}));
  config.deal_leftover = choices.below(3) > 0;
  config.buffer_bits = choices.of({0.0, 0.0, 1.0, 12000.0, 1e5});
  config.block_error_rate = choices.of({0.0, 0.0, 0.1, 0.6, 0.99});
  if (choices.one_in(2)) config.retransmission_error_rate = {choices.of({0.0, 0.1, 0.9}), choices.of({0.0, 0.5})};
  config.max_retransmissions = static_cast<int>(choices.below(4));
  config.retransmission_ttis = choices.of({8, 1, 30});
  config.harq_seed = choices.value_below(1000);
  config.tti_s = choices.of({1e-3, 0.5e-3, 0.25e-3});
  config.mcs_table = choices.of({McsTable::lte, McsTable::nr_qam64, McsTable::nr_qam256, McsTable::nr_qam64_low_se});
  if (choices.one_in(3)) config.downlink_parts = 52, config.tdd_parts = 70;
  if (choices.one_in(4))
    for (std::size_t n = 0; n < n_cells; ++n)
      config.cell_prb.push_back(config.rbg_prb + static_cast<int>(choices.value_below(
                                                     static_cast<std::size_t>(config.n_prb - config.rbg_prb + 1))));
  return config;
}

// What a slice that lends may set for itself.
void draw_lending(Choices& choices, NetworkConfig& config) {
  const auto n_slices = static_cast<std::size_t>(config.scheduler.n_slices);
  for (auto* values : {&config.dedicated_part, &config.max_ratio})
    if (choices.one_in(2))
      for (std::size_t s = 0; s < n_slices; ++s) values->push_back(choices.of({0.0, 1.0, choices.between(0, 1)}));
}

}  // namespace

World draw_world(Choices& choices, const Limits& limits) {
  World world;
  draw_radio(choices, world, limits);
  const std::vector<Isa> levels = available_isas();
  world.isa = levels[choices.below(levels.size())];
  NetworkConfig& config = world.network;
  const std::size_t n_cells = world.radio.cell_site.size();
  config.scheduler = draw_scheduler(choices, limits, n_cells);
  config.isa = world.isa;
  const auto n_users = static_cast<std::size_t>(config.scheduler.n_users);
  for (std::size_t n = 0; n < n_cells; ++n) config.power_w.push_back(choices.between(0.01, 1.0));
  config.noise_w = choices.of({5.7e-15, 1e-18, 1e-9});
  config.prb_bandwidth_hz = config.scheduler.prb_bandwidth_hz = choices.of({180e3, 360e3});
  config.efficiency = choices.of({Efficiency::mogensen, Efficiency::shannon, Efficiency::tr36942, Efficiency::cqi});
  config.ceiling_bps_per_hz = choices.of({no_ceiling, 4.19, 0.5});
  config.transport_blocks = config.efficiency == Efficiency::cqi && choices.one_in(2);
  if (!config.transport_blocks && choices.one_in(4)) config.interference = Interference::fluctuating;
  config.window_ttis = 1 + static_cast<int>(choices.below(static_cast<std::size_t>(limits.window_ttis)));
  config.handover = {choices.of({3.0, 0.0, 20.0}), choices.of({0, 1, 2, 5})};
  config.layers = choices.of({1, 1, 2, 4});
  if (world.radio.fold_db == 0.0 && choices.one_in(3)) config.filter_weight = choices.between(0.05, 1.0);
  for (std::size_t u = 0; u < n_users; ++u)
    config.slice_of.push_back(static_cast<std::int32_t>(choices.value_below(world.n_slices())));
  config.fidelity = choices.one_in(3) ? Fidelity::flow : Fidelity::tti;
  if (config.fidelity == Fidelity::flow || choices.one_in(2))
    for (std::size_t u = 0; u < n_users; ++u) config.packet_bits.push_back(choices.between(100, 20000));
  config.lend = config.fidelity == Fidelity::tti && choices.one_in(3);
  if (config.lend) draw_lending(choices, config);
  if (!config.lend && world.radio.fold_db == 0.0 && choices.one_in(4)) config.bands = Bands::in_order;
  config.resolution_m = choices.of({0.0, 0.0, 5.0, 100.0});
  if (model_parameters(world.radio.model).supports_indoor && world.radio.fold_db == 0.0 && choices.one_in(2))
    config.profile = draw_profile(choices, n_users);
  if (choices.one_in(3))
    for (std::size_t u = 0; u < n_users; ++u) config.user_loss_db.push_back(choices.between(-5, 25));
  return world;
}

std::shared_ptr<const GainSource> draw_source(Choices& choices, const World& world) {
  auto links = std::make_shared<const LinkModel>(world.radio, world.tiles(), world.isa);
  if (world.network.profile || links->folds() || !choices.one_in(4)) return links;
  const PixelGrid grid{.rows = 5, .cols = 7, .step_x_m = world.extent_m / 6, .step_y_m = world.extent_m / 4};
  std::vector<double> x_m, y_m;
  for (std::size_t r = 0; r < grid.rows; ++r)
    for (std::size_t c = 0; c < grid.cols; ++c) {
      x_m.push_back(grid.step_x_m * static_cast<double>(c));
      y_m.push_back(grid.step_y_m * static_cast<double>(r));
    }
  Matrix<float> gain(x_m.size(), world.n_cells());
  links->gains(x_m, y_m, gain.view());
  return std::make_shared<const GainMap>(grid, ConstMatrixView<float>(gain.view()));
}

}  // namespace slicefast::walk
