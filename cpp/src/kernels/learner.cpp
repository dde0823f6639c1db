// One TD3 update of one agent, everything in cache.
//
// Symbols: o observation, a action, r reward, o' next observation, pi policy, Q1 Q2 critics, bar target network,
// y regression target, B batch, L lanes, delta = d loss / d (a layer's output).
//
// Steps: gather the batch and turn it feature-major -> smoothed target action -> y = r + gamma min(Q1bar, Q2bar) ->
// both critics forward, loss, backward -> Adam -> every policy_delay updates: policy forward, Q1 forward and backward
// to the action, policy backward, Adam; Polyak averaging fused into both Adam passes.
#include "kernels/learner.hpp"

#include "kernels/learner_math.hpp"
#include "kernels/learner_noise.hpp"

namespace slicefast::SLICEFAST_ISA {

constexpr std::uint32_t smoothing_stream = 1,
                        logit_noise_stream = 2;  // purposes of random streams, as in slicefast/kernels.py

static inline long padded(long n) { return (n + lane_multiple - 1) / lane_multiple * lane_multiple; }

static inline bool finite(float x) { return x - x == 0.0f; }

static void forward(const NetShape& net, const float* parameters, const float* input, float* const* hidden,
                    const AgentUpdate& u) {
  for (int l = 0; l < net.n_layers; ++l) {
    Product p{};
    p.w = parameters + net.weight[l];
    p.s_red = p.n_out = net.sizes[l + 1];
    p.s_out = 1;
    p.n_red = net.sizes[l];
    p.x = l ? hidden[l - 1] : input;
    p.bias = parameters + net.bias[l];
    p.y = hidden[l];
    p.lanes = u.lanes;
    p.queue = &u.scratch->queue;
    if (l + 1 < net.n_layers)
      product<Epilogue::relu>(p);
    else
      product<Epilogue::linear>(p);
  }
}

// Weight and bias gradients of one layer from x (n_in, L) and delta (n_out, L).
static void layer_gradient(const float* x, int n_in, const float* delta, int n_out, const AgentUpdate& u, float* dw,
                           float* db) {
  const long lanes = u.lanes;
  if (n_out < 4) {  // too narrow to fill vectors of outputs: dot products over the lanes (zero beyond the batch)
    for (int o = 0; o < n_out; ++o)
      for (int i = 0; i < n_in; ++i) {
        Vec acc{};
        for (long b = 0; b < lanes; b += W) acc += load(x + i * lanes + b) * load(delta + o * lanes + b);
        dw[i * n_out + o] = sum(acc);
      }
    for (int o = 0; o < n_out; ++o) {
      Vec acc{};
      for (long b = 0; b < lanes; b += W) acc += load(delta + o * lanes + b);
      db[o] = sum(acc);
    }
    return;
  }
  float* dt = u.scratch->transposed;
  const long ldt = padded(n_out);
  transpose(delta, (n_out + W - 1) / W * W, lanes, lanes, dt, ldt);
  int o = 0;
  if constexpr (tile_columns >= 4)
    for (; n_out - o > 3 * W; o += 4 * W) gradient_columns<4>(x, n_in, lanes, dt, ldt, u, dw, n_out, o);
  if constexpr (tile_columns >= 3)
    for (; n_out - o > 2 * W; o += 3 * W) gradient_columns<3>(x, n_in, lanes, dt, ldt, u, dw, n_out, o);
  for (; n_out - o > W; o += 2 * W) gradient_columns<2>(x, n_in, lanes, dt, ldt, u, dw, n_out, o);
  for (; n_out - o > 0; o += W) gradient_columns<1>(x, n_in, lanes, dt, ldt, u, dw, n_out, o);
  for (int column = 0; column < n_out; column += W) {
    Vec acc{};
    for (int b = 0; b < u.batch; ++b) acc += load(dt + b * ldt + column);
    if (column + W <= n_out)
      store(db + column, acc);
    else
      store_part(db + column, acc, n_out - column);
  }
}

// From the last layer's delta (in scratch.delta): gradients of all parameters into `gradient` (unless null), and the
// gradient of the input features [from, from + count) into d_input.
static void backward(const NetShape& net, const float* parameters, const float* input, float* const* hidden,
                     const AgentUpdate& u, float* gradient, int from, int count, float* d_input) {
  float* delta = u.scratch->delta;
  float* spare = u.scratch->spare;
  for (int l = net.n_layers - 1; l >= 0; --l) {
    const int n_in = net.sizes[l], n_out = net.sizes[l + 1];
    const float* x = l ? hidden[l - 1] : input;
    if (gradient) layer_gradient(x, n_in, delta, n_out, u, gradient + net.weight[l], gradient + net.bias[l]);
    // d x = W delta: the same product with W's strides exchanged.
    Product p{};
    p.w = parameters + net.weight[l];
    p.s_red = 1;
    p.s_out = p.n_red = n_out;
    p.n_out = n_in;
    p.x = delta;
    p.mask = x;
    p.y = spare;
    p.lanes = u.lanes;
    p.queue = &u.scratch->queue;
    if (l > 0) {
      product<Epilogue::masked>(p);
      spare = delta;
      delta = p.y;
    } else if (count > 0) {
      p.w += static_cast<long>(from) * n_out;
      p.n_out = count;
      p.y = d_input;
      product<Epilogue::plain>(p);
    }
  }
}

// m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2; theta <- theta - step m / (sqrt(v) c + eps); with kPolyak also
// target <- target + tau (theta - target).
template <bool kPolyak>
static void adam(const NetState& net, const float* gradient, long n, const AgentUpdate& u) {
  for (long i = 0; i < n; i += W) {
    const Vec g = load(gradient + i);
    Vec m = load(net.first_moment + i), v = load(net.second_moment + i), theta = load(net.online + i);
    m += (1.0f - u.beta1) * (g - m);
    v = u.beta2 * v + (1.0f - u.beta2) * (g * g);
    theta -= net.step_size * m * adam_scale(v, net.inverse_root_bias, u.epsilon);
    store(net.first_moment + i, m);
    store(net.second_moment + i, v);
    store(net.online + i, theta);
    if constexpr (kPolyak) {
      const Vec target = load(net.target + i);
      store(net.target + i, target + u.tau * (theta - target));
    }
  }
}

// x <- softmax(x) over n features, in every lane.
static void softmax(float* SLICEFAST_RESTRICT x, int n, int lanes) {
  for (int b = 0; b < lanes; b += W) {
    Vec top = load(x + b);
    for (int s = 1; s < n; ++s) {
      const Vec value = load(x + s * lanes + b);
      top = top < value ? value : top;
    }
    for (int s = 0; s < n; ++s) store(x + s * lanes + b, (load(x + s * lanes + b) - top) * 1.44269504f);
  }
  for (int i = 0; i < n * lanes; ++i) x[i] = exp2_f32(x[i]);
  for (int b = 0; b < lanes; b += W) {
    Vec total{};
    for (int s = 0; s < n; ++s) total += load(x + s * lanes + b);
    const Vec inverse = 1.0f / total;
    for (int s = 0; s < n; ++s) store(x + s * lanes + b, load(x + s * lanes + b) * inverse);
  }
}

static void gather(const AgentUpdate& u) {
  const LearnerScratch& scratch = *u.scratch;
  const long ld = padded(u.width);
  for (int b = 0; b < u.batch; ++b) {
    const float* from = u.ring + u.index[b] * u.width;
    float* to = scratch.rows + b * ld;
    int w = 0;
    for (; w + W <= u.width; w += W) store(to + w, load(from + w));
    for (; w < u.width; ++w) to[w] = from[w];
  }
  transpose(scratch.rows, u.lanes, (u.width + W - 1) / W * W, ld, scratch.features, u.lanes);
}

// y = r + gamma min(Q1bar, Q2bar)(o', softmax(logits_bar(o') + clip(sigma eps, -c, c)))
static void regression_target(const AgentUpdate& u) {
  const LearnerScratch& scratch = *u.scratch;
  const NetShape &actor = *u.actor_shape, &critic = *u.critic_shape;
  const int lanes = u.lanes;
  const float* reward = scratch.features + static_cast<long>(u.obs_dim + u.action_dim) * lanes;
  float* next = scratch.features + static_cast<long>(u.obs_dim + u.action_dim + 1) * lanes;
  float* next_action = next + static_cast<long>(u.obs_dim) * lanes;
  forward(actor, u.actor.target, next, scratch.actor_hidden, u);
  const float* logits = scratch.actor_hidden[actor.n_layers - 1];
  if (u.target_noise > 0.0f) normals(u.seed, smoothing_stream, u.agent_id, u.step, u.action_dim, lanes, scratch.noise);
  for (int i = 0; i < u.action_dim * lanes; ++i) {
    float noise = u.target_noise > 0.0f ? u.target_noise * scratch.noise[i] : 0.0f;
    noise = noise > u.noise_clip ? u.noise_clip : noise;
    noise = noise < -u.noise_clip ? -u.noise_clip : noise;
    next_action[i] = logits[i] + noise;
  }
  softmax(next_action, u.action_dim, lanes);
  const float* value = scratch.critic_hidden[critic.n_layers - 1];
  forward(critic, u.critic.target, next, scratch.critic_hidden, u);
  for (int b = 0; b < lanes; ++b) scratch.target_value[b] = value[b];
  forward(critic, u.critic.target + critic.stride, next, scratch.critic_hidden, u);
  for (int b = 0; b < lanes; ++b) {
    const float first = scratch.target_value[b];
    scratch.target_value[b] = reward[b] + u.gamma * (first < value[b] ? first : value[b]);
  }
}

// Losses and gradients of both critics; returns the summed loss.
static float critic_gradient(const AgentUpdate& u) {
  const LearnerScratch& scratch = *u.scratch;
  const NetShape& net = *u.critic_shape;
  const float* value = scratch.critic_hidden[net.n_layers - 1];
  const float scale = 2.0f / static_cast<float>(u.batch);
  float loss = 0.0f;
  for (int k = 0; k < 2; ++k) {
    const float* parameters = u.critic.online + k * net.stride;
    forward(net, parameters, scratch.features, scratch.critic_hidden, u);
    float squares = 0.0f;
    for (int b = 0; b < u.batch; ++b) {
      const float error = value[b] - scratch.target_value[b];
      squares += error * error;
      scratch.delta[b] = scale * error;
    }
    for (int b = u.batch; b < u.lanes; ++b) scratch.delta[b] = 0.0f;
    loss += squares / static_cast<float>(u.batch);
    backward(net, parameters, scratch.features, scratch.critic_hidden, u, scratch.gradient + k * net.stride, 0, 0,
             nullptr);
  }
  return loss;
}

// Policy loss mean(-Q1(o, pi(o)) + lambda mean_s z_s^2), z the logits, and its gradient. Overwrites the batch's actions
// by pi(o).
static float policy_gradient(const AgentUpdate& u) {
  const LearnerScratch& scratch = *u.scratch;
  const NetShape &actor = *u.actor_shape, &critic = *u.critic_shape;
  const int lanes = u.lanes;
  float* action = scratch.features + static_cast<long>(u.obs_dim) * lanes;
  forward(actor, u.actor.online, scratch.features, scratch.actor_hidden, u);
  const float* logits = scratch.actor_hidden[actor.n_layers - 1];
  for (int i = 0; i < u.action_dim * lanes; ++i) action[i] = logits[i];
  softmax(action, u.action_dim, lanes);
  forward(critic, u.critic.online, scratch.features, scratch.critic_hidden, u);
  const float* value = scratch.critic_hidden[critic.n_layers - 1];
  float total = 0.0f;
  for (int b = 0; b < u.batch; ++b) total -= value[b];
  for (int b = 0; b < lanes; ++b) scratch.delta[b] = b < u.batch ? -1.0f / static_cast<float>(u.batch) : 0.0f;
  backward(critic, u.critic.online, scratch.features, scratch.critic_hidden, u, nullptr, u.obs_dim, u.action_dim,
           scratch.d_action);
  // d logits_s = a_s (d a_s - sum_k a_k d a_k) + 2 lambda z_s / (B S)
  const float penalty = u.logit_penalty / static_cast<float>(u.action_dim);
  const float slope = 2.0f * penalty / static_cast<float>(u.batch);
  for (int b = 0; b < lanes; ++b) {
    float mean = 0.0f;
    for (int s = 0; s < u.action_dim; ++s) mean += action[s * lanes + b] * scratch.d_action[s * lanes + b];
    for (int s = 0; s < u.action_dim; ++s)
      scratch.delta[s * lanes + b] = action[s * lanes + b] * (scratch.d_action[s * lanes + b] - mean);
  }
  for (int s = 0; s < u.action_dim; ++s)
    for (int b = 0; b < u.batch; ++b) {
      const float z = logits[s * lanes + b];
      total += penalty * z * z;
      scratch.delta[s * lanes + b] += slope * z;
    }
  backward(actor, u.actor.online, scratch.features, scratch.actor_hidden, u, scratch.gradient, 0, 0, nullptr);
  return total / static_cast<float>(u.batch);
}

// Frozen layers keep zero moments, so a zero gradient leaves them exactly where they are.
static void drop_lower(const NetShape& net, float* gradient) {
  for (int i = 0; i < net.n_lower; ++i) gradient[i] = 0.0f;
}

// Gradients leave the padding between networks unwritten: it must not carry another network's values into Adam.
static void clear_padding(const NetShape& net, float* gradient) {
  const int used = net.bias[net.n_layers - 1] + net.sizes[net.n_layers];
  for (int i = used; i < net.stride; ++i) gradient[i] = 0.0f;
}

static void update(const AgentUpdate& u) {
  float* gradient = u.scratch->gradient;
  const NetShape &actor = *u.actor_shape, &critic = *u.critic_shape;
  gather(u);
  regression_target(u);
  *u.critic_loss = critic_gradient(u);
  *u.actor_loss = 0.0f;
  if (!finite(*u.critic_loss)) return;
  for (int k = 0; k < 2; ++k) {
    clear_padding(critic, gradient + k * critic.stride);
    if (u.frozen) drop_lower(critic, gradient + k * critic.stride);
  }
  if (u.with_policy)
    adam<true>(u.critic, gradient, 2 * critic.stride, u);
  else
    adam<false>(u.critic, gradient, 2 * critic.stride, u);
  if (!u.with_policy) return;
  *u.actor_loss = policy_gradient(u);
  if (!finite(*u.actor_loss)) return;
  clear_padding(actor, gradient);
  if (u.frozen) drop_lower(actor, gradient);
  adam<true>(u.actor, gradient, actor.stride, u);
}

// One observation: vectors run over a layer's outputs.
static void act(const AgentAct& u) {
  const NetShape& net = *u.actor_shape;
  const float* x = u.observation;
  for (int l = 0; l < net.n_layers; ++l) {
    const int n_in = net.sizes[l], n_out = net.sizes[l + 1];
    const float* weight = u.actor + net.weight[l];
    const float* bias = u.actor + net.bias[l];
    float* SLICEFAST_RESTRICT y = u.scratch->actor_hidden[l];
    for (int o = 0; o < n_out; ++o) y[o] = bias[o];
    for (int i = 0; i < n_in; ++i)
      for (int o = 0; o < n_out; ++o) y[o] += x[i] * weight[i * n_out + o];
    if (l + 1 < net.n_layers)
      for (int o = 0; o < n_out; ++o) y[o] = y[o] < 0.0f ? 0.0f : y[o];
    x = y;
  }
  float* noise = u.scratch->noise;
  if (u.noise > 0.0f) normals(u.seed, logit_noise_stream, u.agent_id, u.step, u.action_dim, 1, noise);
  float top = x[0] + (u.noise > 0.0f ? u.noise * noise[0] : 0.0f), total = 0.0f;
  for (int s = 0; s < u.action_dim; ++s) {
    u.action[s] = x[s] + (u.noise > 0.0f ? u.noise * noise[s] : 0.0f);
    top = u.action[s] > top ? u.action[s] : top;
  }
  for (int s = 0; s < u.action_dim; ++s) {
    u.action[s] = exp2_f32((u.action[s] - top) * 1.44269504f);
    total += u.action[s];
  }
  for (int s = 0; s < u.action_dim; ++s) u.action[s] /= total;
}

extern const LearnerKernels learner_kernels = {update, act};

}  // namespace slicefast::SLICEFAST_ISA
