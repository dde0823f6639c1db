// How users meet a network whose far cells fold: near sites -> ring -> all, each user only as far as its remainder asks
// for. Written once; a sink takes what comes of it (best server, folded gains).
//
// Steps: users are sorted by region and walk in runs of at most a block; a run meets the near sites, then each user its
// far links in line of sight; users whose remainder could deviate too far meet the ring's sites; those for whom that is
// not enough, and users outside the plane, meet every site, in blocks of any regions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "radio/far_links.hpp"
#include "slicefast/threads.hpp"

namespace slicefast {

// What a region's cells beyond those that a user meets add up to, at given weights rho_k p_k; see far_cells.hpp.
struct Remainder {
  float sum, deviation;
};
struct Remainders {
  Remainder beyond_near, beyond_ring;
};

// Some users in the order of their regions, those outside the plane last, in runs of at most a block of one region's
// users.
struct RegionRuns {
  struct Run {
    std::size_t region;  // n_regions: outside the plane
    std::size_t first, n;
  };
  std::vector<std::int32_t> user;
  std::vector<Run> runs;

  RegionRuns(const LinkModel::State& state, std::span<const double> x, std::span<const double> y,
             std::span<const std::int32_t> users);
  std::span<const std::int32_t> users_of(const Run& run) const { return {user.data() + run.first, run.n}; }
};

// A run on its way, as a sink sees it.
struct FarRun {
  std::size_t region;
  std::span<const std::int32_t> users;
  FarBlock far;
  Strongest strongest;  // among the near cells, until a sink adds more
};

// Takes what one run or block of users meets; every method is called in this order.
class FarSink {
 public:
  virtual ~FarSink() = default;
  // Users outside the plane, who will come to settle_all().
  virtual void outside(std::span<const std::int32_t> users) = 0;
  // Before the near sites: the run's block is loaded.
  virtual void begin(FarRun& run) = 0;
  virtual void near_group(FarRun& run, const SiteGroups& group) = 0;
  // The user i of the run is done: its far links are there, and `remainder` is what the rest comes to.
  virtual void settle_near(FarRun& run, std::size_t i, float remainder) = 0;
  // What the users `which` of the run start the ring with.
  virtual Strongest ring_start(FarRun& run, std::span<const std::int32_t> which) = 0;
  virtual void ring_group(const SiteGroups& group) = 0;
  // The users `which` of the run are done, but for negative ones, who will come to settle_all(). `beyond` is what the
  // cells beyond the ring add up to, before the user's factor.
  virtual void settle_ring(FarRun& run, std::span<const std::int32_t> which, Strongest& ring, float beyond) = 0;
  virtual void all_group(const SiteGroups& group) = 0;
  virtual void settle_all(std::span<const std::int32_t> users, const Strongest& strongest) = 0;
};

class FarWalk {
 public:
  // Users to walk, by their index into the positions of all; power and activity (N,).
  FarWalk(const LinkModel::State& state, std::span<const double> x, std::span<const double> y,
          std::span<const double> power, std::span<const double> activity, double noise,
          std::span<const std::int32_t> users);

  const RegionRuns& runs() const { return runs_; }
  const Remainders& remainder(std::size_t region) const { return remainders_[region]; }
  // At most so many sinks are asked for.
  std::size_t most_items() const { return runs_.runs.size() + blocks_of(runs_.user.size()); }

  // sink_of(item) makes the sink of a run or block, item < most_items(); items are shared among the pool's threads.
  template <class SinkOf>
  void walk(const ThreadPool* pool, SinkOf sink_of) {
    const std::size_t n_runs = runs_.runs.size();
    share_items(pool, n_runs, [&](std::size_t item, int) {
      auto sink = sink_of(item);
      meet_region(runs_.runs[item], sink);
    });
    const std::vector<std::int32_t> rest = unsettled();
    share_items(pool, blocks_of(rest.size()), [&](std::size_t item, int) {
      auto sink = sink_of(n_runs + item);
      const std::size_t first = item * block_users;
      meet_all(std::span(rest).subspan(first, std::min(block_users, rest.size() - first)), sink);
    });
  }

 private:
  static std::size_t blocks_of(std::size_t n) { return (n + block_users - 1) / block_users; }
  void meet_region(const RegionRuns::Run& run, FarSink& sink);
  void meet_near(FarRun& run, FarSink& sink) const;
  void meet_ring(FarRun& run, std::span<const std::int32_t> doubtful, FarSink& sink);
  void meet_all(std::span<const std::int32_t> users, FarSink& sink) const;
  bool is_doubtful(float factor, const Remainder& rest, float interference) const;
  std::vector<std::int32_t> unsettled() const;

  const LinkModel::State& state_;
  std::span<const double> x_, y_, power_, activity_;
  float noise_;
  RegionRuns runs_;
  std::vector<Remainders> remainders_;      // (R,), those of the runs' regions
  std::vector<std::uint8_t> is_unsettled_;  // (U,) users who must meet every site
};

}  // namespace slicefast
