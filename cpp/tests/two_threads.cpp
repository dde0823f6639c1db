// What may run side by side, side by side: under the thread sanitizer this finds what should not.
#include <atomic>
#include <thread>
#include <vector>

#include "check.hpp"
#include "slicefast/threads.hpp"
#include "worlds.hpp"

namespace {

using namespace slicefast;
using worlds::SmallWorld;

template <class Work>
void in_threads(int n, Work work) {
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < n; ++thread) threads.emplace_back([&work, thread] { work(thread); });
}

// Replicas on one LinkModel.
void test_networks_share_links() {
  const SmallWorld world;
  std::vector<std::vector<double>> outs(3);
  in_threads(3, [&](int thread) {
    SmallWorld own = world;
    Network network = own.network();
    for (int k = 0; k < 3; ++k) own.step(network);
    outs[static_cast<std::size_t>(thread)] = own.out;
  });
  CHECK(outs[0] == outs[1] && outs[1] == outs[2]);
}

// The const methods of one network.
void test_reading_beside_reading() {
  SmallWorld world;
  Network network = world.network();
  for (int k = 0; k < 3; ++k) world.step(network);
  const Network& read = network;
  const std::vector<float> sinr(read.sinr().begin(), read.sinr().end());
  std::atomic<int> right = 0;
  in_threads(3, [&](int) {
    for (int k = 0; k < 5; ++k) right += read.state().sinr == sinr && read.gain().rows() == 12;
  });
  CHECK(right == 15);
}

// One object, marked as in use: who comes second is refused, and nobody works beside another.
void test_exclusive_use() {
  std::atomic_flag in_use;
  std::atomic<int> inside = 0, most = 0, played = 0, refused = 0;
  in_threads(3, [&](int) {
    for (int k = 0; k < 200; ++k) try {
        const ExclusiveUse use(in_use, "Network");
        const int now = ++inside;
        if (now > most) most = now;
        ++played;
        std::this_thread::yield();
        --inside;
      } catch (const InUse&) {
        ++refused;
      }
  });
  CHECK(most == 1);
  CHECK(played + refused == 600);
}

// The process's pool, called from several threads at once.
void test_calls_side_by_side() {
  const ThreadPool pool(2);
  std::atomic<int> items = 0;
  in_threads(3, [&](int) {
    for (int k = 0; k < 50; ++k) pool.for_each(4, [&](std::size_t, int) { ++items; });
  });
  CHECK(items == 3 * 50 * 4);
}

// Networks that use the pool, each in a thread of its own: what they give alone.
void test_networks_on_the_pool() {
  std::vector<std::vector<double>> outs(4);
  const auto play = [&outs](int thread, int n_threads) {
    SmallWorld own;
    own.config.n_threads = n_threads;
    Network network = own.network();
    for (int k = 0; k < 3; ++k) own.step(network);
    outs[static_cast<std::size_t>(thread)] = own.out;
  };
  play(3, 1);
  in_threads(3, [&](int thread) { play(thread, thread + 2); });
  for (const auto& out : outs) CHECK(out == outs[3]);
}

}  // namespace

void test_two_threads() {
  test_networks_share_links();
  test_reading_beside_reading();
  test_exclusive_use();
  test_calls_side_by_side();
  test_networks_on_the_pool();
}
