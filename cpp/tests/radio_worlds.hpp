// Small networks that several rooms are tested on.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "slicefast/radio/link_model.hpp"

namespace slicefast {

struct RadioWorld {
  RadioConfig config;
  std::vector<float> nodes;
  std::vector<std::int32_t> offsets;
  FieldTiles tiles() const {
    return {16, 300, 0, 0, 300, nodes, nodes, nodes, 50, offsets, offsets, 16, 16, nodes, nodes};
  }
};

// 8 x 8 sites on a torus, 500 m apart, with white noise for fields.
inline RadioWorld grid() {
  RadioWorld n;
  n.config.wrap = true;
  n.config.fold_db = 0.1;
  n.config.v1_x_m = 3900, n.config.v2_y_m = 3900;
  std::mt19937 random(2);
  for (int k = 0; k < 64; ++k) {
    n.config.site_x_m.push_back(487.5 * (k % 8));
    n.config.site_y_m.push_back(487.5 * (k / 8));
    n.config.site_height_m.push_back(25);
    for (double azimuth : {30.0, 150.0, 270.0}) {
      n.config.cell_site.push_back(k);
      n.config.azimuth_deg.push_back(azimuth);
      n.config.tilt_deg.push_back(15);
    }
  }
  for (int i = 0; i < 256; ++i) n.nodes.push_back(static_cast<float>(random() % 401) / 100.0f - 2.0f);
  for (int k = 0; k < 64; ++k) n.offsets.push_back(static_cast<std::int32_t>(random() % 16));
  return n;
}

inline RadioWorld two_sites() {
  RadioWorld n;
  n.config.wrap = true;
  n.config.v1_x_m = 600, n.config.v2_y_m = 600;
  n.config.site_x_m = {0, 300}, n.config.site_y_m = {0, 300}, n.config.site_height_m = {25, 25};
  n.config.cell_site = {0, 0, 0, 1, 1, 1};
  n.config.azimuth_deg = {30, 150, 270, 30, 150, 270};
  n.config.tilt_deg.assign(6, 15);
  n.nodes.resize(256);
  for (std::size_t i = 0; i < 256; ++i) n.nodes[i] = std::sin(static_cast<float>(i % 16) * 0.4f) + 0.3f;
  n.offsets = {0, 5};
  return n;
}

}  // namespace slicefast
