#include <pybind11/stl.h>

#include <map>
#include <mutex>

#include "bindings.hpp"
#include "slicefast/learner.hpp"
#include "slicefast/simd.hpp"

namespace slicefast::bindings {
namespace {

using NamedArrays = std::map<std::string, py::array>;

// Holds the arrays whose memory the learner works in, so that a call passes only what changes from step to step.
//
// Threads: a second update is refused (InUseError), act waits for an update that is under way and an update for acts,
// so that no action comes of weights that are half updated. An actor's thread beside a learner's is a normal setup.
class BoundLearner {
 public:
  BoundLearner(const LearnerConfig& config, int n_threads, const std::string& isa, NamedArrays arrays)
      : learner_(config, n_threads, isa_from_name(isa)),
        arrays_(std::move(arrays)),
        n_agents_(config.n_agents),
        obs_dim_(config.obs_dim),
        action_dim_(config.action_dim) {
    state_.actor = banks("actor", learner_.actor_stride());
    state_.critic = banks("critic", learner_.critic_stride());
    const std::size_t n = static_cast<std::size_t>(n_agents_);
    state_.agent_ids = {write<std::int64_t>("agent_ids", {n_agents_}), n};
    state_.frozen = {write<std::uint8_t>("frozen", {n_agents_}), n};
    const float* data = write<float>("ring", {n_agents_, -1, static_cast<py::ssize_t>(learner_.width())});
    state_.ring = {data, static_cast<std::size_t>(arrays_["ring"].size())};
    state_.capacity = static_cast<std::size_t>(arrays_["ring"].shape(1));
  }

  void update(const In<std::int64_t>& index, std::uint64_t step, bool with_policy, py::array critic_loss,
              py::array actor_loss) {
    const ExclusiveUse use(updating_, "Learner");
    check_shape(index, "index", {n_agents_, -1});
    const std::size_t n = static_cast<std::size_t>(n_agents_);
    std::span<float> critic{writable<float>(critic_loss, "critic_loss", {n_agents_}), n};
    std::span<float> actor{writable<float>(actor_loss, "actor_loss", {n_agents_}), n};
    const auto rows = copy_of(index);
    const ConstMatrixView<std::int64_t> row_view{rows.data(), n, static_cast<std::size_t>(index.shape(1))};
    const py::gil_scoped_release release;  // only C++ memory and the arrays held above are touched
    const std::lock_guard lock(weights_);
    learner_.update(state_, row_view, step, with_policy, critic, actor);
  }

  void set_learning_rates(double actor_lr, double critic_lr) {
    const ExclusiveUse use(updating_, "Learner");
    learner_.set_learning_rates(actor_lr, critic_lr);
  }

  py::array_t<float> act(const In<float>& observation, double noise, std::uint64_t step) {
    check_shape(observation, "observation", {-1, obs_dim_});
    const py::ssize_t n_rows = observation.shape(0);
    py::array_t<float> action({n_rows, action_dim_});
    MatrixView<float> out{action.mutable_data(), static_cast<std::size_t>(n_rows),
                          static_cast<std::size_t>(action_dim_)};
    const py::gil_scoped_release release;  // another thread's update may take a while
    const std::lock_guard lock(weights_);
    learner_.act(state_, matrix_of(observation), noise, step, out);
    return action;
  }

 private:
  template <class T>
  T* write(const char* name, std::initializer_list<py::ssize_t> shape) {
    const auto array = arrays_.find(name);
    if (array == arrays_.end()) refuse("arrays", std::string("no '") + name + "'", "all arrays of a learner");
    return writable<T>(array->second, name, shape);
  }

  NetBanks banks(const std::string& net, std::size_t stride) {
    const auto bank = [&](const char* kind) -> MatrixView<float> {
      const std::string name = net + "." + kind;
      return {write<float>(name.c_str(), {n_agents_, static_cast<py::ssize_t>(stride)}),
              static_cast<std::size_t>(n_agents_), stride};
    };
    const std::string steps = net + ".steps";
    return {bank("online"),
            bank("target"),
            bank("first_moment"),
            bank("second_moment"),
            {write<std::int64_t>(steps.c_str(), {n_agents_}), static_cast<std::size_t>(n_agents_)}};
  }

  Learner learner_;
  NamedArrays arrays_;
  py::ssize_t n_agents_, obs_dim_, action_dim_;
  LearnerState state_;
  std::atomic_flag updating_;
  std::mutex weights_;  // taken without the GIL
};

}  // namespace

void bind_learner(py::module_& module) {
  py::class_<LearnerConfig>(module, "LearnerConfig")
      .def(py::init<>())
      .def_readwrite("n_agents", &LearnerConfig::n_agents)
      .def_readwrite("obs_dim", &LearnerConfig::obs_dim)
      .def_readwrite("action_dim", &LearnerConfig::action_dim)
      .def_readwrite("batch_size", &LearnerConfig::batch_size)
      .def_readwrite("actor_hidden", &LearnerConfig::actor_hidden)
      .def_readwrite("critic_hidden", &LearnerConfig::critic_hidden)
      .def_readwrite("actor_lr", &LearnerConfig::actor_lr)
      .def_readwrite("critic_lr", &LearnerConfig::critic_lr)
      .def_readwrite("beta1", &LearnerConfig::beta1)
      .def_readwrite("beta2", &LearnerConfig::beta2)
      .def_readwrite("epsilon", &LearnerConfig::epsilon)
      .def_readwrite("gamma", &LearnerConfig::gamma)
      .def_readwrite("tau", &LearnerConfig::tau)
      .def_readwrite("target_noise", &LearnerConfig::target_noise)
      .def_readwrite("noise_clip", &LearnerConfig::noise_clip)
      .def_readwrite("logit_penalty", &LearnerConfig::logit_penalty)
      .def_readwrite("seed", &LearnerConfig::seed);
  py::class_<BoundLearner>(module, "Learner",
                           "The fused TD3 of all agents, working in the given arrays. Threads: a second update is "
                           "refused with InUseError; act waits for an update that is under way.")
      .def(py::init<const LearnerConfig&, int, const std::string&, NamedArrays>(), py::arg("config"),
           py::arg("n_threads"), py::arg("isa"), py::arg("arrays"))
      .def("update", &BoundLearner::update, py::arg("index"), py::arg("step"), py::arg("with_policy"),
           py::arg("critic_loss"), py::arg("actor_loss"))
      .def("set_learning_rates", &BoundLearner::set_learning_rates, py::arg("actor_lr"), py::arg("critic_lr"))
      .def("act", &BoundLearner::act, py::arg("observation"), py::arg("noise"), py::arg("step"));
}

}  // namespace slicefast::bindings
