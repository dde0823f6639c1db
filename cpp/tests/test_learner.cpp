#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "check.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/learner.hpp"
#include "slicefast/simd.hpp"

namespace {

using namespace slicefast;

// A stack on std::vector buffers, filled by a small congruential generator.
struct Stack {
  LearnerConfig config;
  Learner learner;
  std::vector<float> actor[4], critic[4], ring;
  std::vector<std::int64_t> actor_steps, critic_steps, ids, index;
  std::vector<std::uint8_t> frozen;
  std::vector<float> critic_loss, actor_loss;

  Stack(LearnerConfig given, int n_threads, Isa isa) : config(given), learner(given, n_threads, isa) {
    const std::size_t n = static_cast<std::size_t>(config.n_agents), capacity = 20;
    std::uint32_t state = 1;
    const auto draw = [&] { return static_cast<float>((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-24f; };
    for (int kind = 0; kind < 4; ++kind) {
      actor[kind].assign(n * learner.actor_stride(), 0.0f);
      critic[kind].assign(n * learner.critic_stride(), 0.0f);
      if (kind > 1) continue;
      for (float& x : actor[kind]) x = draw() - 0.5f;
      for (float& x : critic[kind]) x = draw() - 0.5f;
    }
    ring.resize(n * capacity * learner.width());
    for (float& x : ring) x = draw();
    actor_steps.assign(n, 0);
    critic_steps.assign(n, 0);
    frozen.assign(n, 0);
    critic_loss.resize(n);
    actor_loss.resize(n);
    for (std::size_t a = 0; a < n; ++a) ids.push_back(static_cast<std::int64_t>(a));
    for (std::size_t i = 0; i < n * static_cast<std::size_t>(config.batch_size); ++i) index.push_back(static_cast<std::int64_t>(draw() * 20));
  }

  LearnerState state() {
    const std::size_t n = static_cast<std::size_t>(config.n_agents);
    const auto banks = [&](std::vector<float>* of, std::size_t stride, std::vector<std::int64_t>& steps) -> NetBanks {
      return {{of[0].data(), n, stride},
              {of[1].data(), n, stride},
              {of[2].data(), n, stride},
              {of[3].data(), n, stride},
              steps};
    };
    return {banks(actor, learner.actor_stride(), actor_steps),
            banks(critic, learner.critic_stride(), critic_steps),
            ids,
            frozen,
            ring,
            20};
  }

  void update(int times) {
    for (int i = 0; i < times; ++i)
      learner.update(state(), {index.data(), ids.size(), static_cast<std::size_t>(config.batch_size)}, static_cast<std::uint64_t>(i), i % 2 == 1,
                     critic_loss, actor_loss);
  }
};

LearnerConfig small_config() {
  LearnerConfig config;
  config.n_agents = 5;
  config.obs_dim = 6;
  config.action_dim = 3;
  config.batch_size = 10;
  config.actor_hidden = {13, 8};
  config.critic_hidden = {20, 9};
  config.actor_lr = config.critic_lr = 1e-3;
  config.beta1 = 0.9;
  config.beta2 = 0.999;
  config.epsilon = 1e-8;
  config.gamma = 0.1;
  config.tau = 0.005;
  config.target_noise = 0.2;
  config.noise_clip = 0.5;
  return config;
}

}  // namespace

void test_learner() {
  for (Isa isa : available_isas()) {
    Stack one(small_config(), 1, isa), three(small_config(), 3, isa), reference(small_config(), 1, Isa::baseline);
    one.update(6);
    three.update(6);
    reference.update(2);
    for (int kind = 0; kind < 4; ++kind) {
      CHECK(one.actor[kind] == three.actor[kind]);
      CHECK(one.critic[kind] == three.critic[kind]);
    }
    CHECK(one.critic_steps == std::vector<std::int64_t>(5, 6));
    CHECK(one.actor_steps == std::vector<std::int64_t>(5, 3));
    Stack again(small_config(), 1, isa);
    again.update(2);
    // Equal but for rounding: float32 sums in another order.
    for (std::size_t a = 0; a < 5; ++a) CHECK_CLOSE(again.critic_loss[a], reference.critic_loss[a], 1e-5);

    std::vector<float> observation(5 * 6, 0.3f), action(5 * 3);
    one.learner.act(one.state(), {observation.data(), 5, 6}, 0.2, 7, {action.data(), 5, 3});
    for (std::size_t a = 0; a < 5; ++a) CHECK_CLOSE(action[3 * a] + action[3 * a + 1] + action[3 * a + 2], 1.0, 1e-6);

    Stack still(small_config(), 1, isa);
    const std::vector<float> actor_before = still.actor[0], critic_before = still.critic[0];
    still.learner.set_learning_rates(0.0, 0.0);
    still.update(2);
    CHECK(still.actor[0] == actor_before && still.critic[0] == critic_before);
    still.learner.set_learning_rates(0.0, 1e-3);
    still.update(2);
    CHECK(still.actor[0] == actor_before && still.critic[0] != critic_before);

    Stack broken(small_config(), 1, isa);
    broken.critic[0][2 * broken.learner.critic_stride()] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> before = broken.actor[0];
    broken.update(2);
    CHECK(std::isnan(broken.critic_loss[2]));
    CHECK(std::isfinite(broken.critic_loss[1]));
    const auto stride = static_cast<std::ptrdiff_t>(broken.learner.actor_stride());
    CHECK(std::equal(before.begin() + 2 * stride, before.begin() + 3 * stride, broken.actor[0].begin() + 2 * stride));
    CHECK(broken.critic_steps[2] == 0);
  }
  Stack stack(small_config(), 1, Isa::baseline);
  stack.index[3] = 20;
  bool refused = false;
  try {
    stack.update(1);
  } catch (const InvalidArgument& error) {
    refused = std::string(error.what()).find("index: row 3 has 20") != std::string::npos;
  }
  CHECK(refused);
}
