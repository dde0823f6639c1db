// Radio propagation: path loss, line of sight, shadowing, antennas and the link gains of a whole network.
//
// Reference-precision functions (double, one link) stand beside LinkModel, which evaluates the same formulas for all
// users and cells in float32, vectorised over users (src/kernels/radio.cpp).
//
// Symbols: U users, N cells, K sites. Positions in m, x to the east and y to the north; azimuths in degrees
// counter-clockwise from the x axis; depression and tilt in degrees below the horizon.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "slicefast/isa.hpp"
#include "slicefast/thread_pool.hpp"
#include "slicefast/types.hpp"

namespace slicefast {

enum class PathLossModel {
  winner_plus_c1,
  winner_plus_c2,
  winner_plus_b1,
  m2135_uma,
  m2135_umi,
  tr36873_uma,
  tr36873_umi,
  tr38901_uma,
  tr38901_umi
};
enum class AntennaPattern { tr36814, m2135, tr38901_element };

// By the names of the public API ("winner_plus_c2", ...); throws InvalidArgument naming what is allowed.
PathLossModel path_loss_model(std::string_view name);
AntennaPattern antenna_pattern(std::string_view name);

// What a model says besides its curves: standard deviations [dB], decorrelation distances [m], range of use.
struct ModelParameters {
  double sigma_los_near_db;  // before the breakpoint
  double sigma_los_far_db;   // beyond it
  double sigma_nlos_db;
  double decorrelation_los_m;
  double decorrelation_nlos_m;
  double min_distance_m;
  double max_distance_m;
  double min_frequency_hz;
  double max_frequency_hz;
  double sigma_indoor_db;  // of links to indoor users; 0: that of the link's state
};
ModelParameters model_parameters(PathLossModel model);

// Path loss [dB] of one link (WINNER+ D5.3 Table 4-1, M.2135 Table A1-2, TR 36.873 Table 7.2-1, TR 38.901 Table
// 7.4.1-1). WINNER+ and M.2135 use the 2-D distance, the TR models the 3-D distance. No range check: see bindings.
double path_loss_db(PathLossModel model, bool los, double distance_2d_m, double frequency_hz, double bs_height_m,
                    double ue_height_m, double environment_height_m = 1.0);

// Distance [m] at which the line-of-sight curve changes slope. The effective environment height is 1 m except for
// users above 13 m in the TR macro models.
double breakpoint_distance_m(PathLossModel model, double frequency_hz, double bs_height_m, double ue_height_m,
                             double environment_height_m = 1.0);

// Probability of line of sight in [0, 1].
double los_probability(PathLossModel model, double distance_2d_m, double ue_height_m);

// Antenna gain [dBi] towards (azimuth relative to boresight, depression below the horizon). `elements` > 1 stacks a
// vertical column at half-wavelength spacing, steered electrically to the tilt (TR 38.901 element only).
double antenna_gain_db(AntennaPattern pattern, double azimuth_deg, double depression_deg, double tilt_deg,
                       int elements);

// The network as the link gains see it.
struct RadioConfig {
  PathLossModel model = PathLossModel::winner_plus_c2;
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
  double fold_db = 0;  // far cells fold, moving no user's SINR by more than this; 0: every link is computed
};

// Users who differ from the outdoor ones at RadioConfig::ue_height_m, U values each; TR 36.873 and TR 38.901 models
// only. With line of sight decided on the outdoor way d - inside. The effective environment height is 1 m with
// probability 1 / (1 + C), else uniform on {12, 15, ..., h - 1.5} (TR 38.901 Table 7.4.1-1, note 1): C differs from 0
// for users above 13 m in the macro models, and the user's `environment`, uniform on [0, 1), decides for all sites.
struct UserProfile {
  UserProfile(std::span<const double> height_m, std::span<const std::uint8_t> is_indoor,
              std::span<const double> inside_m, std::span<const double> loss_db,
              std::span<const double> environment_draw);
  std::size_t size() const { return height.size(); }
  // As the kernels read them: heights [m], tall_user(h), number of environment heights besides 1 m, way inside [m],
  // building's loss in log2 units, draw, 1 indoors.
  std::vector<float> height, tall, choices, inside, loss, environment, indoor;
};

// Gaussian fields of unit variance on one periodic tile of `size` x `size` nodes, row-major, drawn by
// slicefast.radio.make_fields. Node (row, col) lies at (col e1 + row e2) / size. Site k reads the tiles shifted by
// (row_offset[k], col_offset[k]) nodes; entry K of the offsets belongs to the field common to all sites.
struct FieldTiles {
  int size = 0;                                               // a power of two, at least 2
  double e1_x_m = 0, e1_y_m = 0, e2_x_m = 0, e2_y_m = 0;      // periods of the tile
  std::span<const float> los_state, shadow_los, shadow_nlos;  // (size * size,) each
  double los_state_decorrelation_m = 50;                      // of the line-of-sight state
  std::span<const std::int32_t> row_offset, col_offset;       // (K + 1,)
};

struct FoldedGains;

// Link gains of all users to all cells. Immutable after construction, so several threads may call one object.
class LinkModel {
 public:
  LinkModel(RadioConfig config, const FieldTiles& tiles, Isa isa);
  ~LinkModel();
  LinkModel(LinkModel&&) noexcept;
  LinkModel(const LinkModel&) = delete;

  int n_cells() const;
  int n_sites() const;
  Isa isa() const;
  // Whether far cells fold: asked for, and more sites than are near anyone.
  bool folds() const;

  // gain(u, n), shape (U, N): linear channel gain with antenna, path loss and shadowing, without transmit power.
  // With a pool the blocks of users are shared among its threads; the result does not depend on their number.
  // `profile`: of all users, or none where all are outdoors at the configuration's height.
  void gains(std::span<const double> x_m, std::span<const double> y_m, MatrixView<float> gain,
             ThreadPool* pool = nullptr, const UserProfile* profile = nullptr) const;

  // From positions straight to the best server and its SINR, without keeping the gains: server[u] = argmax_n p_n g_un,
  // sinr[u] = p_n g_un / (sum_{k != n} activity_k p_k g_uk + noise), linear. power_w, activity (N,). Far cells fold if
  // folds(): see far_cells.hpp.
  void best_server(std::span<const double> x_m, std::span<const double> y_m, std::span<const double> power_w,
                   std::span<const double> activity, double noise_w, std::span<std::int32_t> server,
                   std::span<float> sinr, ThreadPool* pool = nullptr, const UserProfile* profile = nullptr) const;

  // Only the rows of the named users (positions are those of all users), when few have moved.
  void update_gains(std::span<const double> x_m, std::span<const double> y_m, std::span<const std::int32_t> users,
                    MatrixView<float> gain, const UserProfile* profile = nullptr) const;

  // The gains with far cells folded, so that at full activity no user's SINR is off by more than fold_db. Only if
  // folds(). `gains` may be kept from call to call.
  void fold(std::span<const double> x_m, std::span<const double> y_m, std::span<const double> power_w, double noise_w,
            FoldedGains& gains, ThreadPool* pool = nullptr) const;

  // Only the named users, each in the place it has (positions are those of all users), when few have moved.
  void refold(std::span<const double> x_m, std::span<const double> y_m, std::span<const std::int32_t> users,
              std::span<const double> power_w, double noise_w, FoldedGains& gains, ThreadPool* pool = nullptr) const;

  struct State;

 private:
  void best_server_folded(std::span<const double> x_m, std::span<const double> y_m, std::span<const double> power_w,
                          std::span<const double> activity, double noise_w, std::span<std::int32_t> server,
                          std::span<float> sinr, ThreadPool* pool) const;
  std::unique_ptr<State> state_;
};

// Serving cells with handover margin and time to trigger (3GPP TS 36.331, event A3): a user moves to the cell of
// largest received power once some cell has exceeded its serving cell by `margin_db` for `time_to_trigger_steps`
// consecutive calls (0 and 1: at once). serving[u] < 0 means not attached yet: the best cell is taken at once.
// `pending_steps` (U,) int32 holds how long the condition has lasted; zero it at the start.
struct HandoverConfig {
  double margin_db = 3.0;
  int time_to_trigger_steps = 0;
};
void update_serving(ConstMatrixView<float> gain, std::span<const double> power_w, const HandoverConfig& config,
                    std::span<std::int32_t> serving, std::span<std::int32_t> pending_steps, ThreadPool* pool = nullptr);
// A user whose serving cell has gone into the remainder takes its best cell at once.
void update_serving(const FoldedGains& gain, std::span<const double> power_w, const HandoverConfig& config,
                    std::span<std::int32_t> serving, std::span<std::int32_t> pending_steps, ThreadPool* pool = nullptr);

}  // namespace slicefast
