// How users meet a network whose far cells fold: near sites -> ring after ring -> all, each user only as far as its
// remainder asks for. Written once; a sink takes what comes of it (best server, folded gains).
//
// Steps: users are sorted by region and walk in runs of at most a block; a run meets the near sites, then each user its
// far links that are kept one by one; users whose remainder could deviate too far meet ring after ring, and in the end
// every site, until it could not. Users outside the plane meet every site at once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "radio/far_links.hpp"
#include "radio/remainders.hpp"
#include "slicefast/radio/folded_gains.hpp"
#include "slicefast/threads.hpp"

namespace slicefast {

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

// Takes what one run of users meets; every method is called in this order.
class FarSink {
 public:
  virtual ~FarSink() = default;
  // Before the near sites: the run's block is loaded.
  virtual void begin(FarRun& run) = 0;
  virtual void near_group(FarRun& run, const SiteGroups& group) = 0;
  // The user i of the run is done. It has met the sites up to this level, of which `met` tells in place w; its far
  // links are there, and `remainder` is what the rest comes to.
  virtual void settle(FarRun& run, std::size_t i, Strongest& met, std::size_t w, std::size_t level,
                      float remainder) = 0;
  // What the users `which` of the run start the rings with.
  virtual Strongest ring_start(FarRun& run, std::span<const std::int32_t> which) = 0;
  // The users `which` meet a group of a ring; its cells by the caller's number.
  virtual void ring_group(FarRun& run, std::span<const std::int32_t> which, const SiteGroups& group,
                          std::span<const std::int32_t> cells) = 0;
  // Of users outside the plane, in the place of all others: they meet every site.
  virtual void outside_group(std::span<const std::int32_t> users, const SiteGroups& group) = 0;
  virtual void settle_outside(std::span<const std::int32_t> users, const Strongest& strongest) = 0;
};

class FarWalk {
 public:
  // Users to walk, by their index into the positions of all.
  FarWalk(const LinkModel::State& state, std::span<const double> x, std::span<const double> y, const Emissions& at,
          std::span<const std::int32_t> users);

  const RegionRuns& runs() const { return runs_; }
  const Remainders& remainders() const { return remainders_; }

  // sink_of(item) makes the sink of a run, which are shared among the pool's threads.
  template <class SinkOf>
  void walk(const ThreadPool* pool, SinkOf sink_of) {
    share_items(pool, runs_.runs.size(), [&](std::size_t item, int) {
      auto sink = sink_of(item);
      meet_run(runs_.runs[item], sink);
    });
  }

 private:
  void meet_run(const RegionRuns::Run& run, FarSink& sink) const;
  void meet_near(FarRun& run, FarSink& sink) const;
  void meet_rings(FarRun& run, std::vector<std::int32_t> doubtful, FarSink& sink) const;
  std::vector<std::int32_t> settle(FarRun& run, std::size_t level, std::span<const std::int32_t> which,
                                   Strongest& rings, FarSink& sink) const;
  void meet_outside(std::span<const std::int32_t> users, FarSink& sink) const;
  bool is_doubtful(float factor, const Remainder& rest, float interference) const;

  const LinkModel::State& state_;
  std::span<const double> x_, y_;
  Emissions at_;
  RegionRuns runs_;
  Remainders remainders_;  // of the runs' regions
};

}  // namespace slicefast
