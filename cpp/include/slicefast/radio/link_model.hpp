// LinkModel: the link gains of all users and cells of a network.
//
// The formulas of path_loss.hpp, los.hpp and antenna.hpp in float32, vectorised over users (src/kernels/radio.cpp).
//
// Symbols: U users, N cells, K sites. Positions in m, x to the east and y to the north; azimuths in degrees
// counter-clockwise from the x axis; depression and tilt in degrees below the horizon.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "slicefast/isa.hpp"
#include "slicefast/radio/antenna.hpp"
#include "slicefast/radio/fields.hpp"
#include "slicefast/radio/folded_gains.hpp"
#include "slicefast/radio/gain_source.hpp"
#include "slicefast/radio/los.hpp"
#include "slicefast/radio/path_loss.hpp"
#include "slicefast/radio/user_profile.hpp"
#include "slicefast/threads.hpp"
#include "slicefast/types.hpp"

namespace slicefast {

// The network as the link gains see it.
struct RadioConfig {
  PathLossModel model = path_loss_model("winner_plus_c2");
  AntennaPattern pattern = AntennaPattern::tr36814;
  int elements = 1;
  double frequency_hz = 2.6e9;
  double ue_height_m = 1.5;
  bool shadowing = true;
  double site_correlation = 0.5;  // of the shadowing between two sites; sectors of one site share it
  bool wrap = false;              // nearest image on the torus spanned by v1 and v2
  double v1_x_m = 0, v1_y_m = 0, v2_x_m = 0, v2_y_m = 0;
  std::vector<double> site_x_m, site_y_m, site_height_m;  // (K,)
  std::vector<std::int32_t> cell_site;                    // (N,)
  std::vector<double> azimuth_deg, tilt_deg;              // (N,)
  bool further_images = false;  // on a torus of at most 37 sites every image of a site counts, not the nearest alone
  double fold_db = 0;           // far cells fold, moving no user's SINR by more than this; 0: every link is computed
  double sigma_indoor_db = 0;   // shadowing of indoor users; 0: the model's
  LineOfSight line_of_sight = LineOfSight::model;
};

// Link gains of all users to all cells. Immutable after construction, so several threads may call one object.
class LinkModel final : public GainSource {
 public:
  LinkModel(RadioConfig config, const FieldTiles& tiles, Isa isa);
  ~LinkModel() override;
  LinkModel(LinkModel&&) noexcept;

  int n_cells() const override;
  int n_sites() const;
  Isa isa() const;
  // Whether far cells fold: asked for, and more sites than are near anyone.
  bool folds() const override;
  // Whether all images of a site count: asked for, on a torus of at most 37 sites.
  bool has_images() const override;

  // gain(u, n), shape (U, N): linear channel gain with antenna, path loss and shadowing, without transmit power; on a
  // torus that of the nearest image, with has_images() of the strongest. reach(u, n), if not empty: the sum over all
  // images, what a cell interferes with; only with has_images().
  // With a pool the blocks of users are shared among its threads; the result does not depend on their number.
  // `profile`: of all users, or none where all are outdoors at the configuration's height.
  void gains(std::span<const double> x_m, std::span<const double> y_m, MatrixView<float> gain,
             const ThreadPool* pool = nullptr, const UserProfile* profile = nullptr,
             MatrixView<float> reach = {}) const override;

  // From positions straight to the best server and its SINR, without keeping the gains: server[u] = argmax_n p_n g_un,
  // sinr[u] = p_n g_un / (sum_{k != n} activity_k p_k g_uk + noise), linear. power_w, activity (N,). Far cells fold if
  // folds(): see far_cells.hpp. With has_images() reach - gain of the server joins the interference, reach stands for
  // the others' gain.
  void best_server(std::span<const double> x_m, std::span<const double> y_m, std::span<const double> power_w,
                   std::span<const double> activity, double noise_w, std::span<std::int32_t> server,
                   std::span<float> sinr, const ThreadPool* pool = nullptr, const UserProfile* profile = nullptr) const;

  // Only the rows of the named users (positions are those of all users), when few have moved.
  void update_gains(std::span<const double> x_m, std::span<const double> y_m, std::span<const std::int32_t> users,
                    MatrixView<float> gain, const ThreadPool* pool = nullptr, const UserProfile* profile = nullptr,
                    MatrixView<float> reach = {}) const override;

  // The gains with far cells folded, so that at these activities no user's SINR is off by more than fold_db. Only if
  // folds(). `gains` may be kept from call to call.
  void fold(std::span<const double> x_m, std::span<const double> y_m, const Emissions& at, FoldedGains& gains,
            const ThreadPool* pool = nullptr) const override;

  // Only the named users, each in the place it has (positions are those of all users), when few have moved.
  void refold(std::span<const double> x_m, std::span<const double> y_m, std::span<const std::int32_t> users,
              const Emissions& at, FoldedGains& gains, const ThreadPool* pool = nullptr) const override;

  struct State;

 private:
  void check_profile(const UserProfile* profile, std::size_t n_users) const;
  std::unique_ptr<State> state_;
};

}  // namespace slicefast
