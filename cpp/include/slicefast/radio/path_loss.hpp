// Path loss models: what each is made for, and its path loss in double precision, one link at a time.
//
// A model is one row of the table in src/radio/path_loss.cpp: name, path loss curves, line-of-sight curve and
// parameters. Nothing else in the core or in Python names a model to ask what it can do.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace slicefast {

// A row of the table, by its number; got by name.
enum class PathLossModel : std::uint8_t {};

// By the name of the public API ("winner_plus_c2", ...); throws InvalidArgument naming what is allowed.
PathLossModel path_loss_model(std::string_view name);

// Lengths or heights [m] from `low` to `high`; none at all where both are zero.
struct Interval {
  double low = 0.0, high = 0.0;
  bool empty() const { return high <= 0.0; }
};

// What a model says besides its curves.
struct ModelParameters {
  double sigma_los_near_db;  // standard deviations of shadowing: before the breakpoint
  double sigma_los_far_db;   // beyond it
  double sigma_nlos_db;
  double sigma_indoor_db;  // of links to indoor users; 0: that of the link's state
  double decorrelation_los_m;
  double decorrelation_nlos_m;
  double decorrelation_los_state_m;  // of who is in line of sight
  double min_distance_m;             // below it the least distance is used
  double max_distance_m;             // beyond it the curve is continued
  double min_frequency_hz;
  double max_frequency_hz;
  Interval bs_height_m;           // that the formula takes
  Interval ue_height_m;           // that the formula takes
  Interval made_for_bs_height_m;  // beyond it the formula is continued; one height: the document fixes it
  Interval made_for_ue_height_m;
  double default_ue_height_m;
  bool uses_3d_distance;           // the curves take the 3-D distance
  bool supports_indoor;            // knows indoor users and heights of single users
  bool tall_users_see_further;     // users above 13 m have line of sight more often
  bool supports_tr38901_building;  // the low- and high-loss buildings of TR 38.901 besides that of TR 36.873
};
ModelParameters model_parameters(PathLossModel model);

// All models with their names, in the order of the table.
struct NamedModel {
  std::string_view name;
  PathLossModel model;
};
std::vector<NamedModel> path_loss_models();

// Path loss [dB] of one link (WINNER+ D5.3 Table 4-1, M.2135 Table A1-2, TR 36.873 Table 7.2-1, TR 38.901 Table
// 7.4.1-1). WINNER+ and M.2135 use the 2-D distance, the TR models the 3-D distance. Not checked against the model's
// ranges: slicefast.radio warns where they are left.
double path_loss_db(PathLossModel model, bool los, double distance_2d_m, double frequency_hz, double bs_height_m,
                    double ue_height_m, double environment_height_m = 1.0);

// Of many links at one carrier; arrays of one length.
void path_loss_db(PathLossModel model, std::span<const bool> los, std::span<const double> distance_2d_m,
                  double frequency_hz, std::span<const double> bs_height_m, std::span<const double> ue_height_m,
                  std::span<const double> environment_height_m, std::span<double> loss_db);

// Distance [m] at which the line-of-sight curve changes slope. The effective environment height is 1 m except for
// users above 13 m in the TR macro models.
double breakpoint_distance_m(PathLossModel model, double frequency_hz, double bs_height_m, double ue_height_m,
                             double environment_height_m = 1.0);

}  // namespace slicefast
