// TD3 for all agents at once (Fujimoto, van Hoof, Meger, ICML 2018), fused: one call does a whole update of every
// agent. The caller owns all memory (banks of parameters, moments, replay ring); agents are independent, so any number
// of threads gives the same bits, and an agent's numbers do not depend on who else is in the stack.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "slicefast/isa.hpp"
#include "slicefast/threads.hpp"
#include "slicefast/types.hpp"

namespace slicefast {

struct LearnerConfig {
  int n_agents = 0, obs_dim = 0, action_dim = 0, batch_size = 0;
  std::vector<int> actor_hidden, critic_hidden;
  double actor_lr = 0, critic_lr = 0, beta1 = 0, beta2 = 0, epsilon = 0;
  double gamma = 0, tau = 0, target_noise = 0, noise_clip = 0, logit_penalty = 0;
  std::uint64_t seed = 0;
};

// The memory of one kind of network, (A, P) each; steps (A,) counts Adam's steps.
struct NetBanks {
  MatrixView<float> online, target, first_moment, second_moment;
  std::span<std::int64_t> steps;
};

struct LearnerState {
  NetBanks actor, critic;
  std::span<const std::int64_t> agent_ids;  // (A,)
  std::span<const std::uint8_t> frozen;     // (A,)
  std::span<const float> ring;              // (A, C, W) flat
  std::size_t capacity = 0;
};

class Learner {
 public:
  // Throws InvalidArgument for sizes that are not positive or more layers than the kernels hold.
  Learner(const LearnerConfig& config, int n_threads, Isa isa);
  ~Learner();

  std::size_t actor_stride() const;   // P of the actor's banks
  std::size_t critic_stride() const;  // P of the critics' banks
  std::size_t width() const;          // W of a transition

  // One update of every agent on the rows index (A, B), with smoothing noise of `step`. Losses (A,) are written; an
  // agent whose critic loss is not finite keeps all its weights, one whose policy loss is not keeps its policy.
  void update(const LearnerState& state, ConstMatrixView<std::int64_t> index, std::uint64_t step, bool with_policy,
              std::span<float> critic_loss, std::span<float> actor_loss);

  // The step sizes of the updates to come, in place of the configuration's; 0 leaves a network as it is.
  void set_learning_rates(double actor_lr, double critic_lr);

  // action (k A, S) = softmax(logits(observation (k A, n_o)) + noise eps); row i is agent i % A's, with the noise of
  // step + i / A.
  void act(const LearnerState& state, ConstMatrixView<float> observation, double noise, std::uint64_t step,
           MatrixView<float> action);

 private:
  struct Impl;
  void check(const LearnerState& state) const;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slicefast
