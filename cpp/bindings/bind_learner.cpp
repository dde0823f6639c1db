#include <pybind11/stl.h>

#include "bindings.hpp"
#include "slicefast/learner.hpp"
#include "slicefast/simd.hpp"

namespace slicefast::bindings {
namespace {

// Holds the arrays whose memory the learner works in, so that a call passes only what changes from step to step.
class BoundLearner {
 public:
  BoundLearner(const LearnerConfig& config, int n_threads, const std::string& isa, py::dict arrays)
      : learner_(config, n_threads, isa_from_name(isa)),
        arrays_(arrays),
        n_agents_(config.n_agents),
        obs_dim_(config.obs_dim),
        action_dim_(config.action_dim) {
    state_.actor = banks("actor", learner_.actor_stride());
    state_.critic = banks("critic", learner_.critic_stride());
    const std::size_t n = static_cast<std::size_t>(n_agents_);
    state_.agent_ids = {write<std::int64_t>("agent_ids", {n_agents_}), n};
    state_.frozen = {write<std::uint8_t>("frozen", {n_agents_}), n};
    py::array ring = arrays_["ring"].cast<py::array>();
    const float* data = writable<float>(ring, "ring", {n_agents_, -1, static_cast<py::ssize_t>(learner_.width())});
    state_.ring = {data, static_cast<std::size_t>(ring.size())};
    state_.capacity = static_cast<std::size_t>(ring.shape(1));
  }

  void update(const In<std::int64_t>& index, std::uint64_t step, bool with_policy, py::array critic_loss,
              py::array actor_loss) {
    check_shape(index, "index", {n_agents_, -1});
    const std::size_t n = static_cast<std::size_t>(n_agents_);
    std::span<float> critic{writable<float>(critic_loss, "critic_loss", {n_agents_}), n};
    std::span<float> actor{writable<float>(actor_loss, "actor_loss", {n_agents_}), n};
    const auto rows = matrix_of(index);
    py::gil_scoped_release release;  // only C++ memory and the arrays held above are touched
    learner_.update(state_, rows, step, with_policy, critic, actor);
  }

  py::array_t<float> act(const In<float>& observation, double noise, std::uint64_t step) {
    check_shape(observation, "observation", {n_agents_, obs_dim_});
    py::array_t<float> action({n_agents_, action_dim_});
    MatrixView<float> out{action.mutable_data(), static_cast<std::size_t>(n_agents_),
                          static_cast<std::size_t>(action_dim_)};
    // The GIL stays: a dozen actions take a few microseconds, and the scratch memory is shared with update().
    learner_.act(state_, matrix_of(observation), noise, step, out);
    return action;
  }

 private:
  template <class T>
  T* write(const char* name, std::initializer_list<py::ssize_t> shape) {
    py::array array = arrays_[name].cast<py::array>();
    return writable<T>(array, name, shape);
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
  py::dict arrays_;
  py::ssize_t n_agents_, obs_dim_, action_dim_;
  LearnerState state_;
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
  py::class_<BoundLearner>(module, "Learner")
      .def(py::init<const LearnerConfig&, int, const std::string&, py::dict>(), py::arg("config"), py::arg("n_threads"),
           py::arg("isa"), py::arg("arrays"))
      .def("update", &BoundLearner::update, py::arg("index"), py::arg("step"), py::arg("with_policy"),
           py::arg("critic_loss"), py::arg("actor_loss"))
      .def("act", &BoundLearner::act, py::arg("observation"), py::arg("noise"), py::arg("step"));
}

}  // namespace slicefast::bindings
