// What a network asks for the gains of its links: formulas (LinkModel), or what somebody brought (GainMap).
#pragma once

#include <cstdint>
#include <span>

#include "slicefast/radio/folded_gains.hpp"
#include "slicefast/radio/user_profile.hpp"
#include "slicefast/threads.hpp"
#include "slicefast/types.hpp"

namespace slicefast {

// Immutable after construction, so several threads may call one object. U users, N cells.
class GainSource {
 public:
  GainSource() = default;
  GainSource(const GainSource&) = delete;
  GainSource& operator=(const GainSource&) = delete;
  virtual ~GainSource() = default;

  virtual int n_cells() const = 0;
  // Whether far cells fold; then fold() and refold() take the place of gains() and update_gains().
  virtual bool folds() const = 0;
  // Whether cells interfere with more than the gain they serve with: on a small torus, through all images of a site.
  virtual bool has_images() const { return false; }

  // gain(u, n), shape (U, N): linear channel gain with antenna, without transmit power.
  // With a pool the blocks of users are shared among its threads; the result does not depend on their number.
  // `profile`: of all users, or none where all are outdoors at the configuration's height. `reach`, empty unless
  // has_images(), gets what cells interfere with, of the shape of `gain`.
  virtual void gains(std::span<const double> x_m, std::span<const double> y_m, MatrixView<float> gain,
                     const ThreadPool* pool = nullptr, const UserProfile* profile = nullptr,
                     MatrixView<float> reach = {}) const = 0;

  // Only the rows of the named users (positions are those of all users), when few have moved.
  virtual void update_gains(std::span<const double> x_m, std::span<const double> y_m,
                            std::span<const std::int32_t> users, MatrixView<float> gain,
                            const ThreadPool* pool = nullptr, const UserProfile* profile = nullptr,
                            MatrixView<float> reach = {}) const = 0;

  // The gains with far cells folded, so that at these activities no user's SINR is off by more than fold_db. Only if
  // folds(). `gains` may be kept from call to call.
  virtual void fold(std::span<const double> x_m, std::span<const double> y_m, const Emissions& at, FoldedGains& gains,
                    const ThreadPool* pool = nullptr) const = 0;

  // Only the named users, each in the place it has (positions are those of all users), when few have moved.
  virtual void refold(std::span<const double> x_m, std::span<const double> y_m, std::span<const std::int32_t> users,
                      const Emissions& at, FoldedGains& gains, const ThreadPool* pool = nullptr) const = 0;

 protected:
  GainSource(GainSource&&) = default;
};

}  // namespace slicefast
