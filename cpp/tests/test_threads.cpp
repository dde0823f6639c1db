#include <atomic>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/threads.hpp"

#ifndef _WIN32
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

using namespace slicefast;

void test_items_and_errors() {
  for (int n_threads : {1, 2, 3}) {
    ThreadPool pool(n_threads);
    for (int round = 0; round < 50; ++round) {
      std::vector<int> hits(17, 0);
      pool.for_each(hits.size(), [&](std::size_t item, int) { hits[item] += 1; });
      CHECK(std::accumulate(hits.begin(), hits.end(), 0) == 17);
    }
    const auto fail = [&] {
      pool.for_each(5, [](std::size_t item, int) {
        if (item == 3) throw std::runtime_error("item 3");
      });
    };
    CHECK(message_of<std::runtime_error>(fail) == "item 3");
  }
}

void test_number_is_bounded() {
  for (int n_threads : {0, -1, max_threads + 1, 2147483647}) {
    const std::string said = message_of([&] { ThreadPool pool(n_threads); });
    CHECK(said == "n_threads: got " + std::to_string(n_threads) + ", allowed: 1 to 1024");
  }
}

// Of several errors that of the lowest item, whoever meets it.
void test_lowest_error() {
  const ThreadPool pool(3);
  for (int round = 0; round < 50; ++round) {
    const std::string said = message_of<std::runtime_error>([&] {
      pool.for_each(40, [](std::size_t item, int) {
        if (item % 10 == 7) throw std::runtime_error("item " + std::to_string(item));
      });
    });
    CHECK(said == "item 7");
  }
}

// Calls from within calls: all items are done, by no more threads than were asked for, each with a number of its own.
void test_calls_within_calls() {
  const ThreadPool outer(3), inner(2);
  std::vector<int> done(40, 0);
  std::atomic<int> at_work[3] = {};
  std::atomic<bool> shared = false;
  outer.for_each(4, [&](std::size_t item, int thread) {
    if (++at_work[thread] > 1) shared = true;
    inner.for_each(10, [&](std::size_t part, int) { done[item * 10 + part] = 1; });
    --at_work[thread];
  });
  CHECK(std::accumulate(done.begin(), done.end(), 0) == 40);
  CHECK(!shared);
}

int n_threads_of_process() {
  int n = 0;
#ifdef __linux__
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("Threads:")) n = std::stoi(line.substr(8));
#endif
  return n;
}

// All pools share the workers of the first that asked for so many.
void test_no_call_starts_a_thread() {
  const ThreadPool first(3);
  const int before = n_threads_of_process();
  for (int round = 0; round < 20; ++round) {
    const ThreadPool pool(3), smaller(2);
    pool.for_each(7, [&](std::size_t, int) { smaller.for_each(3, [](std::size_t, int) {}); });
  }
  CHECK(n_threads_of_process() == before);
}

#ifndef _WIN32
// In a child, whose memory or threads are its own: whether it ends well. Killed by an alarm where it hangs.
template <class Work>
bool child_exits(Work work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    work();
    std::exit(0);
  }
  int status = 1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// The same, where `work` says whether all is well.
template <class Work>
bool child_succeeds(Work work) {
  return child_exits([&work] { _exit(work() ? 0 : 1); });
}

// The thread sanitizer lets no thread start in a child forked from several threads.
#ifndef SLICEFAST_SANITIZED_THREADS
void test_forked_process_has_workers_again() {
  const ThreadPool pool(3);
  const auto sums = [&pool] {
    std::vector<int> hits(17, 0);
    for (int round = 0; round < 3; ++round) pool.for_each(hits.size(), [&](std::size_t item, int) { hits[item] += 1; });
    return std::accumulate(hits.begin(), hits.end(), 0) == 51;
  };
  CHECK(sums());
  // Where another thread is at work, and may hold what a child would wait for.
  std::atomic<bool> stop = false;
  std::thread busy([&] {
    while (!stop) sums();
  });
  for (int k = 0; k < 20; ++k)
    CHECK(child_succeeds([&] {
      const int before = n_threads_of_process();  // one, and those of an emulator
      const bool right = sums();
#ifdef __linux__
      return right && n_threads_of_process() == before + 2;
#else
      return right && before == 0;
#endif
    }));
  stop = true;
  busy.join();
  CHECK(sums());
}

// A process ends while its workers wait, and while they work.
void test_process_ends() {
  CHECK(child_exits([] {
    const ThreadPool pool(3);
    pool.for_each(5, [](std::size_t, int) {});
    std::thread([] {
      const ThreadPool other(3);
      while (true) other.for_each(5, [](std::size_t, int) {});
    }).detach();
  }));
}
#endif

// Sanitizers reserve terabytes of addresses, and cannot run under a limit.
#ifndef SLICEFAST_SANITIZED
void test_goes_on_where_threads_are_refused() {
  for (const rlim_t mebibytes : {160, 411, 777, 1199, 4096}) {
    CHECK(child_succeeds([mebibytes] {
      const rlimit limit{mebibytes << 20, mebibytes << 20};
      setrlimit(RLIMIT_AS, &limit);
      std::atomic<int> done = 0, most = 0;
      const ThreadPool pool(500);
      for (int round = 0; round < 3; ++round)
        pool.for_each(1000, [&](std::size_t, int thread) {
          ++done;
          for (int seen = most; seen < thread && !most.compare_exchange_weak(seen, thread);) continue;
        });
      const std::vector<char> memory(16u << 20);  // there is some left
      return done == 3000 && most < 500;
    }));
  }
}
#endif
#endif

}  // namespace

void test_threads() {
  test_items_and_errors();
  test_number_is_bounded();
  test_lowest_error();
  test_calls_within_calls();
  test_no_call_starts_a_thread();
#ifndef _WIN32
#ifndef SLICEFAST_SANITIZED_THREADS
  test_forked_process_has_workers_again();
  test_process_ends();
#endif
#ifndef SLICEFAST_SANITIZED
  test_goes_on_where_threads_are_refused();
#endif
#endif
}
