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

void test_one_call_at_a_time() {
  ThreadPool pool(2);
  std::vector<int> refused(4, 0), done(4, 0);
  pool.for_each(4, [&](std::size_t item, int) {
    refused[item] =
        message_of<InUse>([&] { pool.for_each(1, [](std::size_t, int) {}); }) == "ThreadPool: in use by another thread";
    done[item] = 1;
  });
  CHECK(std::accumulate(refused.begin(), refused.end(), 0) == 4);
  CHECK(std::accumulate(done.begin(), done.end(), 0) == 4);
  int after = 0;
  pool.for_each(1, [&](std::size_t, int) { ++after; });
  CHECK(after == 1);
}

#ifndef _WIN32
// In a child, whose memory or threads are its own: 0 where `work` says so. Killed by an alarm where it hangs.
template <class Work>
bool child_succeeds(Work work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    _exit(work() ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// The thread sanitizer lets no thread start in a child forked from several threads.
#ifndef SLICEFAST_SANITIZED_THREADS
void test_forked_process_has_workers_again() {
  ThreadPool pool(3);
  const auto sums = [&pool] {
    std::vector<int> hits(17, 0);
    for (int round = 0; round < 3; ++round) pool.for_each(hits.size(), [&](std::size_t item, int) { hits[item] += 1; });
    return std::accumulate(hits.begin(), hits.end(), 0) == 51;
  };
  CHECK(sums());
  CHECK(child_succeeds([&] {
    const bool right = sums();
    pool.~ThreadPool();  // neither joins those that stayed behind nor waits for them
    return right;
  }));
  CHECK(child_succeeds([&] {
    pool.~ThreadPool();
    return true;
  }));
  CHECK(sums());
}
#endif

// Sanitizers reserve terabytes of addresses, and cannot run under a limit.
#ifndef SLICEFAST_SANITIZED
void test_refused_thread_ends_the_others() {
  for (const rlim_t mebibytes : {160, 411, 512, 777, 1000, 1100, 1199, 4096}) {
    CHECK(child_succeeds([mebibytes] {
      const rlimit limit{mebibytes << 20, mebibytes << 20};
      setrlimit(RLIMIT_AS, &limit);
      rlimit in_force{};
      getrlimit(RLIMIT_AS, &in_force);
      if (in_force.rlim_cur != limit.rlim_cur) return true;  // an emulator that knows no such limit
      int done = 0;
      const std::string said = message_of([&done] {
        ThreadPool pool(500);
        pool.for_each(1, [&done](std::size_t, int) { ++done; });
      });
      if (mebibytes > 2048) return done == 1;  // 500 stacks of 2 MiB, and some
      return mebibytes > 1000 && done == 1 ? true : said.starts_with("n_threads: got 500");
    }));
  }
}
#endif
#endif

}  // namespace

void test_threads() {
  test_items_and_errors();
  test_number_is_bounded();
  test_one_call_at_a_time();
#ifndef _WIN32
#ifndef SLICEFAST_SANITIZED_THREADS
  test_forked_process_has_workers_again();
#endif
#ifndef SLICEFAST_SANITIZED
  test_refused_thread_ends_the_others();
#endif
#endif
}
