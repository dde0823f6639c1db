#include "slicefast/learner.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <span>
#include <string>

#include "kernels/learner.hpp"
#include "slicefast/checks.hpp"

#ifdef SLICEFAST_X86
#include <xmmintrin.h>
#endif

namespace slicefast {
namespace {

// Stacks below this stay in the second-level cache between updates; above, the next agent is fetched ahead.
constexpr std::size_t cache_bytes = 1792 * 1024;

// Sizes are int in the configuration and checked to be at least 1.
constexpr std::size_t count(int n) { return static_cast<std::size_t>(n); }
std::size_t padded(std::size_t n) { return (n + lane_multiple - 1) / lane_multiple * lane_multiple; }

// Denormals flushed to zero meanwhile: Adam's moments of dead units decay through them, and one costs over a hundred
// cycles. The caller's mode is put back, so no one else's arithmetic changes.
class FlushDenormals {
 public:
#ifdef SLICEFAST_X86
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040); }  // flush results, denormals are zero
  ~FlushDenormals() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" ::"r"(saved_ | (1ull << 24)));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(saved_)); }

 private:
  std::uint64_t saved_;
#endif
};

// Widths and their products stay within an int, with room for sums of a few.
constexpr int largest_width = 1 << 24;
constexpr std::int64_t most_parameters = 1 << 29;

NetShape make_shape(const char* name, int n_in, const std::vector<int>& hidden, int n_out) {
  std::vector<int> sizes{n_in};
  sizes.insert(sizes.end(), hidden.begin(), hidden.end());
  sizes.push_back(n_out);
  if (sizes.size() > max_layers + 1)
    refuse(name, text_of(hidden.size()) + " hidden layers", "at most " + text_of(max_layers - 1));
  NetShape shape{};
  shape.n_layers = static_cast<int>(sizes.size()) - 1;
  std::int64_t offset = 0;
  for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
    shape.sizes[l] = sizes[l];
    shape.sizes[l + 1] = sizes[l + 1];
    shape.n_lower = static_cast<int>(offset);
    shape.weight[l] = static_cast<int>(offset);
    shape.bias[l] = static_cast<int>(offset + std::int64_t{sizes[l]} * sizes[l + 1]);
    offset += std::int64_t{sizes[l]} * sizes[l + 1] + sizes[l + 1];
    if (offset > most_parameters)
      refuse(name, "layers of more than " + text_of(most_parameters) + " weights", "up to so many");
  }
  shape.stride = static_cast<int>(padded(static_cast<std::size_t>(offset)));
  return shape;
}

LearnerConfig checked(const LearnerConfig& config) {
  const Range width = within(1, largest_width);
  check_value("n_agents", config.n_agents, at_least(1));
  check_value("obs_dim", config.obs_dim, width);
  check_value("action_dim", config.action_dim, width);
  check_value("batch_size", config.batch_size, width);
  check_values("actor_hidden", std::span(config.actor_hidden), width, "layer");
  check_values("critic_hidden", std::span(config.critic_hidden), width, "layer");
  return config;
}

// W of a transition: observation, action, reward, next observation.
std::size_t width_of(const LearnerConfig& config) { return 2 * count(config.obs_dim) + count(config.action_dim) + 1; }

// Memory of one thread, one block, cut into buffers on 64-byte boundaries.
class Scratch {
 public:
  Scratch(const NetShape& actor, const NetShape& critic, const LearnerConfig& config) {
    const std::size_t lanes = padded(count(config.batch_size)), width = width_of(config);
    std::size_t widest = 0;
    for (const NetShape* net : {&actor, &critic})
      for (int l = 0; l <= net->n_layers; ++l) widest = std::max(widest, padded(count(net->sizes[l])));
    const std::size_t features = padded(std::max(width, 2 * count(config.obs_dim + config.action_dim) + 1));
    struct Request {
      float** pointer;
      std::size_t size;
    };
    std::vector<Request> requests{{&view.rows, lanes * padded(width)},
                                  {&view.features, features * lanes},
                                  {&view.delta, widest * lanes},
                                  {&view.spare, widest * lanes},
                                  {&view.transposed, widest * lanes},
                                  {&view.gradient, count(std::max(actor.stride, 2 * critic.stride))},
                                  {&view.target_value, lanes},
                                  {&view.noise, padded(count(config.action_dim)) * lanes},
                                  {&view.d_action, padded(count(config.action_dim)) * lanes}};
    for (int l = 0; l < actor.n_layers; ++l)
      requests.push_back({&view.actor_hidden[l], padded(count(actor.sizes[l + 1])) * lanes});
    for (int l = 0; l < critic.n_layers; ++l)
      requests.push_back({&view.critic_hidden[l], padded(count(critic.sizes[l + 1])) * lanes});
    std::size_t total = 0;
    ranges_.resize(count(config.batch_size + state_ranges));
    view.queue.ranges = ranges_.data();
    for (const Request& request : requests) total += padded(request.size);
    // Zeroed: lanes beyond the batch are computed but never written, and must hold finite numbers.
    memory_.reset(static_cast<float*>(::operator new[](total * sizeof(float), std::align_val_t{64})));
    std::fill_n(memory_.get(), total, 0.0f);
    float* next = memory_.get();
    for (const Request& request : requests) {
      *request.pointer = next;
      next += padded(request.size);
    }
  }

  LearnerScratch view{};

 private:
  struct Free {
    void operator()(float* p) const { ::operator delete[](p, std::align_val_t{64}); }
  };
  std::unique_ptr<float[], Free> memory_;
  std::vector<PrefetchQueue::Range> ranges_;
};

// Rows of agent `a`, with Adam's bias corrections of its step `t`.
NetState state_of(const NetBanks& banks, std::size_t a, double lr, const LearnerConfig& config, std::int64_t t) {
  const double count = static_cast<double>(t);
  return {banks.online.row(a).data(),
          banks.target.row(a).data(),
          banks.first_moment.row(a).data(),
          banks.second_moment.row(a).data(),
          static_cast<float>(lr / (1.0 - std::pow(config.beta1, count))),
          static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(config.beta2, count)))};
}

}  // namespace

struct Learner::Impl {
  LearnerConfig config;
  NetShape actor, critic;
  const LearnerKernels* kernels;
  ThreadPool pool;
  std::vector<Scratch> scratch;

  Impl(const LearnerConfig& given, int n_threads, Isa isa)
      : config(checked(given)),
        actor(make_shape("actor_hidden", given.obs_dim, given.actor_hidden, given.action_dim)),
        critic(make_shape("critic_hidden", given.obs_dim + given.action_dim, given.critic_hidden, 1)),
        kernels(&select_learner_kernels(isa)),
        pool(n_threads) {
    for (int thread = 0; thread < n_threads; ++thread) scratch.emplace_back(actor, critic, given);
  }

  // The part of the arguments that all agents share.
  AgentUpdate common(bool with_policy, std::uint64_t step) const {
    AgentUpdate u{};
    u.actor_shape = &actor;
    u.critic_shape = &critic;
    u.width = static_cast<int>(width_of(config));
    u.obs_dim = config.obs_dim;
    u.action_dim = config.action_dim;
    u.batch = config.batch_size;
    u.lanes = static_cast<int>(padded(count(config.batch_size)));
    u.gamma = static_cast<float>(config.gamma);
    u.tau = static_cast<float>(config.tau);
    u.target_noise = static_cast<float>(config.target_noise);
    u.noise_clip = static_cast<float>(config.noise_clip);
    u.logit_penalty = static_cast<float>(config.logit_penalty);
    u.beta1 = static_cast<float>(config.beta1);
    u.beta2 = static_cast<float>(config.beta2);
    u.epsilon = static_cast<float>(config.epsilon);
    u.seed = config.seed;
    u.step = step;
    u.with_policy = with_policy;
    return u;
  }

  // Lists what the update of agent `a` will read first, in that order; nothing past the last agent.
  void queue_next(PrefetchQueue& queue, const LearnerState& state, ConstMatrixView<std::int64_t> index, std::size_t a,
                  bool with_policy) const {
    queue.n_ranges = queue.range = 0;
    if (a >= index.rows) return;
    const std::size_t width = width_of(config);
    const auto add = [&](const float* begin, std::size_t n) {
      // From the start of the line, so that steps of one line reach the last.
      const auto* line = reinterpret_cast<const float*>(reinterpret_cast<std::uintptr_t>(begin) & ~std::uintptr_t{63});
      queue.ranges[queue.n_ranges++] = {line, begin + n};
    };
    for (std::int64_t place : index.row(a))
      add(state.ring.data() + (a * state.capacity + static_cast<std::size_t>(place)) * width, width);
    const auto add_rows = [&](std::initializer_list<ConstMatrixView<float>> banks) {
      for (const auto& bank : banks) add(bank.row(a).data(), bank.cols);
    };
    add_rows({state.actor.target, state.critic.target, state.critic.online, state.critic.first_moment,
              state.critic.second_moment});
    if (with_policy) add_rows({state.actor.online, state.actor.first_moment, state.actor.second_moment});
    queue.at = queue.ranges[0].begin;
  }
};

Learner::Learner(const LearnerConfig& config, int n_threads, Isa isa)
    : impl_(std::make_unique<Impl>(config, n_threads, isa)) {}
Learner::~Learner() = default;

std::size_t Learner::actor_stride() const { return count(impl_->actor.stride); }
std::size_t Learner::critic_stride() const { return 2 * count(impl_->critic.stride); }
std::size_t Learner::width() const { return width_of(impl_->config); }

void Learner::check(const LearnerState& state) const {
  const std::size_t n = count(impl_->config.n_agents);
  const auto check_banks = [&](const NetBanks& banks, const char* name, std::size_t stride) {
    for (const auto& bank : {banks.online, banks.target, banks.first_moment, banks.second_moment})
      check_shape(name, bank, n, stride);
    check_size(std::string(name) + ".steps", banks.steps.size(), n, "agent");
  };
  check_banks(state.actor, "actor", actor_stride());
  check_banks(state.critic, "critic", critic_stride());
  check_size("agent_ids", state.agent_ids.size(), n, "agent");
  check_size("frozen", state.frozen.size(), n, "agent");
  check_size("ring", state.ring.size(), n * state.capacity * width(), "value of (A, C, W)");
}

void Learner::update(const LearnerState& state, ConstMatrixView<std::int64_t> index, std::uint64_t step,
                     bool with_policy, std::span<float> critic_loss, std::span<float> actor_loss) {
  check(state);
  const LearnerConfig& config = impl_->config;
  const std::size_t n = count(config.n_agents), stride = count(impl_->pool.n_threads());
  const std::size_t row = state.capacity * width();
  check_shape("index", index, n, static_cast<std::size_t>(config.batch_size));
  check_values("index", std::span<const std::int64_t>(index.flat()),
               within(0, static_cast<double>(state.capacity) - 1));
  check_size("critic_loss", critic_loss.size(), n, "agent");
  check_size("actor_loss", actor_loss.size(), n, "agent");
  const AgentUpdate common = impl_->common(with_policy, step);
  const bool large = n * 4 * (actor_stride() + critic_stride()) * sizeof(float) > cache_bytes;
  impl_->pool.for_each(n, [&](std::size_t a, int thread) {
    [[maybe_unused]] const FlushDenormals guard;
    AgentUpdate u = common;
    const std::int64_t critic_step = state.critic.steps[a] + 1, actor_step = state.actor.steps[a] + 1;
    u.actor = state_of(state.actor, a, config.actor_lr, config, actor_step);
    u.critic = state_of(state.critic, a, config.critic_lr, config, critic_step);
    u.ring = state.ring.data() + a * row;
    u.index = index.row(a).data();
    u.scratch = &impl_->scratch[count(thread)].view;
    impl_->queue_next(u.scratch->queue, state, index, large ? a + stride : n, with_policy);
    u.agent_id = static_cast<std::uint32_t>(state.agent_ids[a]);
    u.frozen = state.frozen[a] != 0;
    u.critic_loss = &critic_loss[a];
    u.actor_loss = &actor_loss[a];
    impl_->kernels->update(u);
    if (std::isfinite(critic_loss[a])) {
      state.critic.steps[a] = critic_step;
      if (with_policy && std::isfinite(actor_loss[a])) state.actor.steps[a] = actor_step;
    }
  });
}

void Learner::set_learning_rates(double actor_lr, double critic_lr) {
  check_value("actor_lr", actor_lr, not_negative);
  check_value("critic_lr", critic_lr, not_negative);
  impl_->config.actor_lr = actor_lr;
  impl_->config.critic_lr = critic_lr;
}

void Learner::act(const LearnerState& state, ConstMatrixView<float> observation, double noise, std::uint64_t step,
                  MatrixView<float> action) {
  check(state);
  const LearnerConfig& config = impl_->config;
  const std::size_t n = count(config.n_agents), rows = observation.rows;
  if (rows == 0 || rows % n != 0) refuse("observation", text_of(rows) + " rows", "a multiple of " + text_of(n));
  check_shape("observation", observation, rows, static_cast<std::size_t>(config.obs_dim));
  check_shape("action", action, rows, static_cast<std::size_t>(config.action_dim));
  [[maybe_unused]] const FlushDenormals guard;
  // One thread: an action takes well under a microsecond, less than waking another.
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t a = row % n;
    impl_->kernels->act({&impl_->actor, state.actor.online.row(a).data(), observation.row(row).data(), config.obs_dim,
                         config.action_dim, static_cast<float>(noise), config.seed, step + row / n,
                         static_cast<std::uint32_t>(state.agent_ids[a]), &impl_->scratch[0].view,
                         action.row(row).data()});
  }
}

}  // namespace slicefast
