// What the core asks of the learner kernels: plain pointers and numbers, one agent at a time.
#pragma once

#include "kernels/select.hpp"

namespace slicefast {

constexpr int max_layers = 8;
// Lanes, row strides and row starts are multiples of this many floats: one cache line, the widest vector.
constexpr int lane_multiple = 16;

// A fully connected network inside one agent's row of a bank: weight l (n_in, n_out) at weight[l], bias l at bias[l].
struct NetShape {
  int n_layers;
  int sizes[max_layers + 1];
  int weight[max_layers];
  int bias[max_layers];
  int n_lower;  // parameters of all layers but the last
  int stride;   // floats per network, padded
};

// One agent's rows of one network's banks (twin critics: two networks of `stride` floats each).
struct NetState {
  float* online;
  float* target;
  float* first_moment;
  float* second_moment;
  float step_size;          // lr / (1 - b1^t)
  float inverse_root_bias;  // 1 / sqrt(1 - b2^t)
};

// Cache lines of the next agent, fetched a few at a time between register tiles: in one burst they would fill the
// processor's miss buffers and be waited for.
struct PrefetchQueue {
  struct Range {
    const float* begin;
    const float* end;
  };
  Range* ranges;  // batch + state_ranges of them
  int n_ranges;
  int range;        // the one being fetched
  const float* at;  // within it
};
constexpr int state_ranges = 8;

// Buffers of one thread, every pointer on a 64-byte boundary; L = lanes, the batch padded.
struct LearnerScratch {
  float* rows;                      // (L, padded width): the gathered transitions
  float* features;                  // (padded, L): rows transposed, [o; a; r; o'; a']
  float* actor_hidden[max_layers];  // (n_out, L) per layer
  float* critic_hidden[max_layers];
  float* delta;         // (max width, L)
  float* spare;         // the same
  float* transposed;    // (L, max width)
  float* gradient;      // like one agent's row of the larger bank
  float* target_value;  // (L)
  float* noise;         // (4 ceil(S / 4), L)
  float* d_action;      // (S, L)
  PrefetchQueue queue;
};

struct AgentUpdate {
  const NetShape* actor_shape;
  const NetShape* critic_shape;
  NetState actor, critic;
  const float* ring;          // (C, width) of this agent
  const std::int64_t* index;  // (batch)
  int width, obs_dim, action_dim, batch, lanes;
  float gamma, tau, target_noise, noise_clip, logit_penalty, beta1, beta2, epsilon;
  std::uint64_t seed, step;
  std::uint32_t agent_id;
  bool with_policy, frozen;
  LearnerScratch* scratch;
  float* critic_loss;
  float* actor_loss;
};

struct AgentAct {
  const NetShape* actor_shape;
  const float* actor;
  const float* observation;
  int obs_dim, action_dim;
  float noise;
  std::uint64_t seed, step;
  std::uint32_t agent_id;
  const LearnerScratch* scratch;
  float* action;
};

struct LearnerKernels {
  void (*update)(const AgentUpdate& agent);
  void (*act)(const AgentAct& agent);
};

SLICEFAST_DECLARE_KERNELS(LearnerKernels, learner_kernels)

}  // namespace slicefast
