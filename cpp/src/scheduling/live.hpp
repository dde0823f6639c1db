// The scheduler at work: what persists over windows (LiveState), what a window needs and nobody keeps (Workspace for
// all cells, CellWork for those that one thread plays), the parts of a window that concern all cells (Scheduler::Impl)
// and those of a block of cells (BlockPlayer). Internal to the core.
//
// Blocks of cells are played in any number of threads: a block writes what belongs to its own users, slots and groups,
// its own places for packets, and a BlockEnd.
//
// Users of a (cell, slice) are numbered locally 0..n-1 in the order of their user numbers; slot = first + local indexes
// the arrays of the workspace, so that a (cell, slice) touches one stretch of memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "scheduling/grid.hpp"
#include "slicefast/scheduling/scheduler.hpp"

namespace slicefast {

// A remainder no slice can win with.
inline constexpr double no_remainder = -1e300;

struct QueuedPacket {
  double bits;
  std::int64_t tti;
  std::int32_t next;
};

struct UserQueue {
  double head_left = 0;  // bits left of the packet at the head
  double average = 1;    // T_u at average_tti
  std::int64_t average_tti = 0;
  std::int64_t arrival_sum = 0;  // of the packets queued, on the simulated clock
  std::int32_t head = -1, tail = -1, queued = 0;
  bool head_lost = false;  // HARQ lost a block with bits of the packet at the head
};

// What became of a block that failed at first: it waits for its next transmission, arrived with one (and is about to be
// handed up), or failed the last one and waits to be passed over.
enum class BlockStatus : std::uint8_t { waiting, arrived, lost };

struct FailedBlock {
  double offset, bits;  // in the user's bits not yet handed up
  std::int64_t due, sent_at;
  std::int32_t user, n_prb, attempts;
  BlockStatus status;
};

struct LiveState {
  std::int64_t clock = 0;
  std::vector<double> backlog;  // (U)
  std::vector<UserQueue> users;
  std::vector<QueuedPacket> packets;                   // of all users, linked; free places too
  std::vector<std::vector<std::int32_t>> free_places;  // by block of cells, the last one to be taken first
  std::vector<double> carry;
  std::vector<std::int32_t> pointer;
  std::vector<double> sent;  // (U), HARQ only
  std::vector<FailedBlock> blocks;
  std::vector<double> dedicated_carry, max_carry;  // RRMPolicyRatio
  std::vector<std::int32_t> lending_pointer;

  // Into a free place, or a new one where there is none.
  void push_packet(std::int32_t user, double bits, std::int64_t tti, std::vector<std::int32_t>& free);
  void pop_packet(UserQueue& user, std::vector<std::int32_t>& free);  // the one at the head
  // Bits sent of the packet at the head and not yet counted as delivered.
  double head_sent(const UserQueue& user) const {
    return user.queued > 0 ? packets[static_cast<std::size_t>(user.head)].bits - user.head_left : 0.0;
  }
};

// The metric that is served first, the largest: R (max C/I), R^alpha / T^beta, or its logarithm where exponents are so
// large that the quotient could leave the range of a double.
enum class Metric { rate, quotient, logarithm };

struct Averaging {
  double decay;  // 1 - 1/a
  Metric metric;
  double smallest;  // an average that decays for thousands of TTIs ends here, far below that of any served user

  explicit Averaging(const SchedulerConfig& config);
};

struct ArrivedPacket {
  double bits;
  std::int32_t local, tti;
};

class CellSlice;  // cell_slice.hpp

// What a block of cells leaves to be joined with the others', in their order.
struct BlockEnd {
  std::vector<FailedBlock> failed;
  std::uint64_t bits_out = 0;  // delivered and dropped in the window, in grid units
};

struct Workspace {
  std::vector<std::int32_t> group_of, slot_of;               // (U) group: cell * S + slice
  std::vector<std::int32_t> user_at;                         // (U) slot -> user
  std::vector<std::int32_t> first, first_arrival;            // (N * S + 1)
  std::vector<std::int32_t> cursor;                          // (N * S)
  std::vector<ArrivedPacket> arrivals;                       // by group, then TTI
  std::vector<double> rate, rate_part, metric;               // by slot; rate_part: R's part of the metric
  std::vector<double> carried, completed, taken_back, busy;  // by slot: see measure.cpp
  std::vector<std::int32_t> busy_since, needed, given;       // by slot
  std::vector<std::uint8_t> refused;                         // by slot: a full buffer refused a packet
  std::vector<std::int64_t> turns, end_at;                   // by slot: see turns.cpp
  std::vector<double> active_users;                          // (N * S)
  double gains_for = 0;                                      // the decay that the next two were made for
  std::vector<double> gain_at;                               // 1/a / decay^(k + 1) over a span
  std::vector<double> decay_over;                            // decay^k over a span
  std::vector<std::int32_t> tbs_index;                       // by slot; of the transport block table
  std::vector<BlockEnd> ends;                                // by block of cells
};

// Of one thread, cell by cell.
struct CellWork {
  std::vector<double> remainder, fraction;                 // (S, block) of the quota kernel
  std::vector<std::int32_t> base;                          // (S, block)
  std::vector<std::uint16_t> quota;                        // (n_ttis, S, block)
  std::vector<std::int64_t> extras;                        // (block)
  std::size_t quota_offset = 0, quota_stride = 0;          // of the (cell, slice) at work
  std::vector<std::size_t> order;                          // who is served, while the mask changes
  std::vector<double> user_throughput;                     // of one (cell, slice), for the percentile
  std::vector<std::uint16_t> dedicated, guaranteed, most;  // (n_ttis, S) of the cell at work, in RBGs
  std::vector<std::int32_t> settling;                      // users
  std::vector<double> shares;                              // of one cell
  std::vector<int> needs, grants, rooms;                   // (S), in RBGs
  std::vector<CellSlice> slices;                           // at work: one, or those of a cell that lend
  std::vector<std::int32_t>* free_places = nullptr;        // of the block
  BlockEnd* end = nullptr;
};

struct Scheduler::Impl {
  SchedulerConfig config;
  Isa isa;
  Averaging averaging;
  LiveState live;
  Workspace work;
  std::vector<CellWork> cell_work;  // by thread

  Impl(const SchedulerConfig& given, Isa level);

  // scheduler.cpp
  void play(const Window& window, const WindowKpis& kpis, const ThreadPool* pool);
  void play_cells(const Window& window, const WindowKpis& kpis, const ThreadPool* pool);
  void reserve_places();
  void join_blocks();
  void group_users(const Window& window);
  void group_arrivals(const Window& window);
  void prepare_averages(int n_ttis);
  void sort_blocks();  // by group
};

// Plays the cells of one block after another, in one thread.
struct BlockPlayer {
  const SchedulerConfig& config;
  const Averaging& averaging;
  Isa isa;
  LiveState& live;
  Workspace& sorted;
  CellWork& work;

  BlockPlayer(Scheduler::Impl& scheduler, CellWork& own)
      : config(scheduler.config),
        averaging(scheduler.averaging),
        isa(scheduler.isa),
        live(scheduler.live),
        sorted(scheduler.work),
        work(own) {}

  // scheduler.cpp
  void play(const Window& window, const WindowKpis& kpis, std::size_t block);
  // levels.cpp
  void deal_levels(std::size_t cell, std::span<const double> shares, double carry, int n_ttis);
  // quotas.cpp
  void deal_quotas(const Window& window, std::size_t first_cell, std::size_t n_cells);
  void set_shares(const Window& window, std::size_t cell, std::size_t lane);
  void quotas_in_prbs(const Window& window, std::size_t first_cell, std::size_t n_cells);
  // lending.cpp
  void make_limits(const Window& window, std::size_t cell, std::size_t lane);
  void lend(std::span<const CellSlice> slices, std::size_t cell, int tti);
  void allocate_grants(std::span<CellSlice> slices, std::size_t cell, int tti, double gain);
  void play_lending_cell(std::span<CellSlice> slices, const Window& window, std::size_t cell, std::size_t lane);
};

}  // namespace slicefast
