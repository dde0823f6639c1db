// One replica of the network: what happens between the agents' shares and the KPIs of a step.
//
// Description: users' positions -> link gains -> serving cells (attach); shares and arrivals -> load coupling -> SINR
// -> bits per PRB -> PRB scheduling over the window -> KPIs (step). Randomness comes in as arrays; there is none here.
//
// Steps of step():
//   1. demand   d_u = (bits queued + bits arriving in the window) / window           [bit/s]
//               with the PRBs that the scheduler will spend on it (scheduling/prb_usage.hpp)
//   2. coupling rho = fixed point of the interference mapping under the shares a_ns   [1]
//   3. rate     b_u = W_prb * TTI * min(eff(SINR_u(rho)), ceiling)                    [bit per PRB and TTI]
//   4. schedule the window's TTIs with real queues -> KPIs; or the flow level in closed form (flow.hpp)
// With transport blocks, 3. is SINR -> CQI -> row of the transport block table (link_adaptation.hpp), and so it is
// in 2. Where slices lend (RRMPolicyRatio min = a_ns) no share caps a slice's load in 2., but the cell's PRBs, the max
// ratio and the dedicated PRBs of the others do.
//
// | symbol | meaning                                   | unit |
// |--------|-------------------------------------------|------|
// | a_ns   | share of cell n's PRBs given to slice s   | 1    |
// | d_u    | demand of user u in this window           | bit/s|
// | rho_n  | load (activity) of cell n                 | 1    |
// | W_prb  | bandwidth of a physical resource block    | Hz   |
// | b_u    | bits one PRB carries in one TTI for user u| bit  |
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "slicefast/coupling/solver.hpp"
#include "slicefast/radio/gain_source.hpp"
#include "slicefast/radio/serving.hpp"
#include "slicefast/scheduling/flow.hpp"
#include "slicefast/scheduling/prb_usage.hpp"
#include "slicefast/scheduling/scheduler.hpp"
#include "slicefast/simd.hpp"
#include "slicefast/types.hpp"

namespace slicefast {

enum class Fidelity { tti, flow };
Fidelity fidelity(std::string_view name);

struct NetworkConfig {
  SchedulerConfig scheduler;
  std::vector<double> power_w;  // (N) transmit power per PRB
  double noise_w = 0;           // noise per PRB at the user
  double prb_bandwidth_hz = 180e3;
  Efficiency efficiency = Efficiency::tr36942;
  double ceiling_bps_per_hz = no_ceiling;  // of the efficiency, coupled and scheduled alike, over all layers
  int layers = 1;                          // that a link has at most
  Interference interference = Interference::mean;
  Bands bands = Bands::anywhere;
  int window_ttis = 200;
  HandoverConfig handover;
  // Weight of a step's measurement in what decides on handovers, log-domain, in (0, 1]; 1: no filter (L3 filter of 3GPP
  // TS 36.331 5.5.3.2). Not where far cells fold.
  double filter_weight = 1;
  std::vector<std::int32_t> slice_of;  // (U)
  Isa isa = Isa::baseline;
  bool transport_blocks = false;  // in place of the efficiency
  bool lend = false;              // shares are guaranteed, and lent when idle, instead of a hard partition
  // (S) or empty, where slices lend: the part of the share that is never lent (0), and the most a slice may use (1;
  // its share if that is more).
  std::vector<double> dedicated_part = {}, max_ratio = {};
  Fidelity fidelity = Fidelity::tti;
  std::vector<double> packet_bits;             // (U) mean size; flow level, and what PRBs round up
  double resolution_m = 0;                     // a user's links are found anew once it has moved farther
  std::shared_ptr<const UserProfile> profile;  // of all users; none: outdoors at the links' user height
  // (U) or empty: what every link of a user loses beside what the links know, such as a car's body. Folded gains lose
  // it with the others: less interference over the same noise, so that the bound of folding holds.
  std::vector<double> user_loss_db = {};
  int n_threads = 1;  // that a call may use; the results do not depend on it
};

// The window's packets, sorted by TTI, and which users the traffic mask lets send.
struct Arrivals {
  std::span<const std::int32_t> user, tti;
  std::span<const float> bits;
  std::span<const std::uint8_t> active;  // (U)
};

// Everything of a network that persists over steps. Positions, serving cells and arrivals belong to the caller.
struct NetworkState {
  std::vector<double> load;                           // (N * S) warm start of the coupling, (N) where slices lend
  std::vector<std::int32_t> timer_cell, timer_steps;  // (U * 8) of the handover, empty where nothing waits
  SchedulerState scheduler;
  std::vector<double> flow_backlog_bits;  // (U), empty unless at the flow level
  // What the gains follow from: the users' positions when they were computed, (U) or none yet, and the order of their
  // sums, (U) or empty unless far cells fold.
  std::vector<double> link_x_m, link_y_m;
  std::vector<std::int32_t> places;
  std::vector<double> fold_activity;        // (N) likewise, at which they are folded
  std::vector<float> sinr;                  // (U) of the last step
  std::vector<double> flow_age_bit_ttis;    // (U), empty unless at the flow level
  std::vector<double> prbs_used, prb_work;  // (N * S) of PrbCorrection, empty unless it is in use
  std::vector<float> filtered_log2;         // (U * N) gains as handovers see them, empty without a filter
};

// visit(name, field) for every field of a NetworkState, const or not.
template <class State, class Visit>
void visit_network_state(State& state, Visit visit) {
  visit("load", state.load);
  visit("timer_cell", state.timer_cell);
  visit("timer_steps", state.timer_steps);
  visit("scheduler", state.scheduler);
  visit("flow_backlog_bits", state.flow_backlog_bits);
  visit("link_x_m", state.link_x_m);
  visit("link_y_m", state.link_y_m);
  visit("places", state.places);
  visit("fold_activity", state.fold_activity);
  visit("sinr", state.sinr);
  visit("flow_age_bit_ttis", state.flow_age_bit_ttis);
  visit("prbs_used", state.prbs_used);
  visit("prb_work", state.prb_work);
  visit("filtered_log2", state.filtered_log2);
}

// One thread at a time per object; the const methods do not mind each other.
class Network {
 public:
  // Throws InvalidArgument.
  Network(NetworkConfig config, std::shared_ptr<const GainSource> links);

  // Computes link gains at the positions and updates `serving` (U) in place: see update_serving.
  void attach(std::span<const double> x_m, std::span<const double> y_m, std::span<std::int32_t> serving);

  // Plays one window under `share` (N, S) and writes the KPIs. attach() must have been called for these positions.
  // Throws InvalidArgument with nothing changed.
  void step(ConstMatrixView<double> share, std::span<const std::int32_t> serving, const Arrivals& arrivals,
            const WindowKpis& kpis);

  // The KPIs that step() would give under `share` with interference as it is under `coupled_share`; changes no state.
  // Rows of `share` need not sum to at most 1: slices do not touch each other once interference is fixed. Nothing is
  // lent: where slices lend, this is what each is guaranteed.
  void probe(ConstMatrixView<double> share, ConstMatrixView<double> coupled_share,
             std::span<const std::int32_t> serving, const Arrivals& arrivals, const WindowKpis& kpis);

  // The same for L levels of share at once, each in [0, 1] and every slice's in turn, (L, N, S): to the last bit what L
  // probes give, up to where it is enough. curves.cpp.
  void curves(const Levels& levels, ConstMatrixView<double> coupled_share, std::span<const std::int32_t> serving,
              const Arrivals& arrivals);

  const NetworkConfig& config() const { return config_; }
  std::span<const float> sinr() const { return sinr_; }  // (U) of the last step
  Matrix<float> gain() const;                            // (U, N), every link at the links' positions
  Matrix<float> reach() const;                           // (U, N), what a cell interferes with: over all its images
  std::span<const double> backlog_bits() const {         // (U)
    return config_.fidelity == Fidelity::flow ? std::span<const double>(flow_backlog_) : scheduler_.backlog_bits();
  }

  NetworkState state() const;
  // Gains follow from the state's positions: no attach() is needed. Throws InvalidArgument with nothing changed, unless
  // a network like this one could have come to this state; what follows is then bit-identical to what followed there.
  void set_state(const NetworkState& state);
  void check_state(const NetworkState& state) const;  // the same, changing nothing at all

 private:
  void find_gains(std::span<const double> x_m, std::span<const double> y_m);
  std::vector<double> last_loads() const;
  void find_all_gains(std::span<const double> x_m, std::span<const double> y_m, std::vector<double> activity);
  Emissions emissions(std::span<const double> activity) const { return {config_.power_w, activity, config_.noise_w}; }
  static std::vector<double> folding_activity(std::span<const double> rho);
  static void add_slices(ConstMatrixView<double> load, std::span<double> rho);  // (N, S) to (N,)
  void lose(std::span<const std::int32_t> users);
  ConstMatrixView<float> measure();
  void find_rates(ConstMatrixView<double> share, std::span<const std::int32_t> serving, const Arrivals& arrivals);
  void play_flow(ConstMatrixView<double> share, std::span<const std::int32_t> serving, const Arrivals& arrivals,
                 const FlowQueues& queues, const WindowKpis& kpis);
  void try_window(ConstMatrixView<double> share, std::span<const std::int32_t> serving, const Arrivals& arrivals,
                  const WindowKpis& kpis);
  // rates.cpp
  void prepare_rates();
  void prepare_steps();
  bool one_queue() const;
  bool measures_usage() const;
  void find_demand(std::span<const std::int32_t> serving, const Arrivals& arrivals);
  ConstMatrixView<double> find_limits(ConstMatrixView<double> share);
  ConstMatrixView<double> of_carrier(ConstMatrixView<double> of_cells, Matrix<double>& out) const;
  CouplingProblem coupling_problem(std::span<const std::int32_t> serving, ConstMatrixView<double> most);
  void couple(const CouplingProblem& problem);
  void find_misfolded_sinr(std::span<const std::int32_t> serving);
  void find_whole_sinr(std::span<const std::int32_t> users, std::span<const std::int32_t> serving);
  void find_bits();
  void find_work(std::span<const std::int32_t> serving, ConstMatrixView<double> most);
  std::size_t group_of(std::span<const std::int32_t> serving, std::size_t user) const;
  void set_policy(ConstMatrixView<double> share, Window& played);
  void check_own_state(const NetworkState& state) const;  // all but the scheduler's
  void restore_links(const NetworkState& state);
  Window window(ConstMatrixView<double> share, std::span<const std::int32_t> serving, const Arrivals& arrivals) const;
  FlowWindow flow_window(ConstMatrixView<double> share, std::span<const std::int32_t> serving,
                         const Arrivals& arrivals) const;

  NetworkConfig config_;
  std::shared_ptr<const GainSource> links_;
  ThreadPool pool_;
  LoadCoupling coupling_;
  Scheduler scheduler_, trial_scheduler_;
  Matrix<float> gain_;                 // (U, N); empty where far cells fold
  Matrix<float> reach_;                // (U, N); empty unless all images of a site count
  std::vector<float> own_images_;      // (U,) of the serving cell, or empty
  FoldedGains folded_;                 // used there
  std::vector<double> fold_activity_;  // (N,) at which they are folded, or empty
  std::vector<double> met_;            // (U,) interference plus noise, there
  std::vector<double> x_m_, y_m_;      // (U) positions that the gains belong to
  std::vector<std::int32_t> moved_;    // users
  std::vector<std::int32_t> all_;      // users: 0, 1, 2, ...; empty where nobody loses anything
  std::vector<float> kept_;            // (U,) of a gain, beside the links' own; or empty
  Matrix<double> load_, trial_load_;   // (N, S), or (N, 1) where slices lend
  std::vector<float> power_w_;         // config_.power_w, as gains are
  Matrix<double> whole_;               // (N, 1) the part of the carrier that a cell has: the cap of one queue
  // (N, S) of the step, parts of a cell: what is never lent, where slices lend; the most that slices may use, where it
  // is not the share.
  Matrix<double> dedicated_, most_;
  Matrix<double> coupled_dedicated_, coupled_most_;  // the same, parts of the carrier; empty where every cell has all
  std::vector<double> demand_bps_;             // (U) what is coupled: queued and arriving, with what sending it takes
  PrbCorrection correction_;                   // empty unless in use
  std::vector<double> work_;                   // (N * S) of the step, where it is
  std::vector<double> step_sinr_, step_rate_;  // transport blocks: from which SINR, how many bit/s/Hz
  std::vector<double> efficiency_;             // (U) fluctuating interference only
  std::vector<std::uint8_t> waits_;            // (U) out of reach in this step; empty where nobody can be
  std::vector<double> rho_;                    // (N)
  std::vector<std::int32_t> timer_cell_, timer_steps_;  // (U * 8); empty where nothing waits
  Matrix<float> filtered_log2_, measured_;              // (U, N) log2 and linear; empty without a filter
  bool is_filtered_ = false;                            // is there a measurement yet?
  std::vector<float> sinr_, trial_sinr_, bits_per_prb_;
  std::vector<std::int32_t> step_block_;                              // from each step on, block_row()
  std::vector<std::int32_t> tbs_index_;                               // (U), transport blocks only
  std::vector<double> arriving_bits_, flow_backlog_, trial_backlog_;  // (U), flow level only
  std::vector<double> flow_age_, trial_age_;                          // (U), flow level only
  FlowRoom flow_room_;
};

}  // namespace slicefast
