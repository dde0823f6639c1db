#include "slicefast/threads.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "slicefast/checks.hpp"

#ifndef _WIN32
#include <unistd.h>
#endif

namespace slicefast {

namespace {

// Windows does not fork.
long process_id() {
#ifdef _WIN32
  return 0;
#else
  return static_cast<long>(getpid());
#endif
}

}  // namespace

InUse::InUse(std::string_view object) : std::runtime_error(std::string(object) + ": in use by another thread") {}

struct ThreadPool::Crew {
  const long process = process_id();
  std::mutex mutex;
  std::condition_variable_any start, done;
  const std::function<void(std::size_t, int)>* work = nullptr;
  std::size_t n_items = 0, n_shares = 0, round = 0;
  std::size_t n_running = 0;
  std::exception_ptr error;
  std::vector<std::jthread> workers;  // the last member: stopped and joined while the others are still there

  explicit Crew(int n_threads) : n_shares(static_cast<std::size_t>(n_threads)) {
    workers.reserve(n_shares - 1);
    for (int thread = 1; thread < n_threads; ++thread)
      workers.emplace_back([this, thread](std::stop_token stop) { wait_for_work(stop, thread); });
  }

  void do_share(int thread) {
    try {
      for (auto item = static_cast<std::size_t>(thread); item < n_items; item += n_shares) (*work)(item, thread);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  }

  void wait_for_work(const std::stop_token& stop, int thread) {
    std::size_t seen = 0;
    while (true) {
      {
        std::unique_lock lock(mutex);
        if (!start.wait(lock, stop, [&] { return round != seen; })) return;
        seen = round;
      }
      do_share(thread);
      const std::lock_guard lock(mutex);
      if (--n_running == 0) done.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int n_threads) : n_threads_(n_threads) {
  check_value("n_threads", n_threads, within(1, max_threads));
  try {
    crew_ = std::make_unique<Crew>(n_threads);
  } catch (const std::system_error&) {
    refuse("n_threads", text_of(n_threads), "as many as the system starts, which are fewer");
  }
}

ThreadPool::~ThreadPool() {
  // After a fork there is nobody to join, and what the workers waited for stays as they left it: not to be touched.
  if (crew_ && crew_->process != process_id()) static_cast<void>(crew_.release());
}

void ThreadPool::for_each(std::size_t n_items, const std::function<void(std::size_t, int)>& work) {
  const ExclusiveUse use(in_use_, "ThreadPool");
  if (crew_->process != process_id()) {
    auto crew = std::make_unique<Crew>(n_threads_);
    static_cast<void>(crew_.release());
    crew_ = std::move(crew);
  }
  Crew& crew = *crew_;
  {
    const std::lock_guard lock(crew.mutex);
    crew.work = &work;
    crew.n_items = n_items;
    crew.error = nullptr;
    crew.n_running = crew.workers.size();
    ++crew.round;
  }
  crew.start.notify_all();
  crew.do_share(0);
  std::unique_lock lock(crew.mutex);
  crew.done.wait(lock, [&] { return crew.n_running == 0; });
  crew.work = nullptr;
  if (crew.error) std::rethrow_exception(std::exchange(crew.error, nullptr));
}

}  // namespace slicefast
