// The process's pool. A call hangs its job up on a board, works on it, and takes it down when no item is left; a worker
// joins the first job on the board that has room, and comes back for the next. Nobody waits for a worker that has not
// joined: jobs get done whatever the number of workers, jobs within jobs too.
#include "slicefast/threads.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "slicefast/checks.hpp"

#ifdef _WIN32
#include <system_error>
#include <thread>
#else
#include <pthread.h>
#include <sys/mman.h>
#endif

namespace slicefast {

namespace {

// Starts a thread of its own that nobody joins; false where the system starts none.
#ifdef _WIN32
bool start_thread(void* (*run)(void*), void* argument) {
  try {
    std::thread([run, argument] { run(argument); }).detach();
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

struct Reserve {
  bool is_there() const { return true; }
};
#else
// With the 8 MiB that the system gives, hundreds of stacks leave a limited process no addresses for anything else.
constexpr std::size_t stack_bytes = 2u << 20;
constexpr std::size_t reserve_bytes = 64u << 20;

bool start_thread(void* (*run)(void*), void* argument) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_bytes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, run, argument);
  pthread_attr_destroy(&attributes);
  return error == 0;
}

// Keeps addresses free while threads start, for what they and their process need afterwards.
class Reserve {
 public:
  Reserve() : begin_(mmap(nullptr, reserve_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  Reserve(const Reserve&) = delete;
  Reserve& operator=(const Reserve&) = delete;
  ~Reserve() {
    if (is_there()) munmap(begin_, reserve_bytes);
  }
  bool is_there() const { return begin_ != MAP_FAILED; }

 private:
  void* begin_;
};
#endif

// One call of for_each. What is not atomic belongs to who holds the crew's mutex.
struct Job {
  const std::function<void(std::size_t, int)>& work;
  const std::size_t n_items;
  const int most_threads;
  std::atomic<std::size_t> next = 0;
  int n_joined = 1;  // the caller
  int n_busy = 0;    // workers
  std::size_t failed_item = 0;
  std::exception_ptr error = nullptr;
  std::condition_variable done = {};

  bool has_room() const { return n_joined < most_threads && next.load(std::memory_order_relaxed) < n_items; }
};

class Crew {
 public:
  // Workers for calls of so many threads, as far as the system starts them. Asked again, it tries again.
  void grow(int n_threads) {
    const std::lock_guard lock(mutex_);
    start_workers(n_threads);
  }

  void play(Job& job) {
    {
      const std::lock_guard lock(mutex_);
      if (job.most_threads > asked_for_) start_workers(job.most_threads);  // a forked process
      board_.push_back(&job);
    }
    const std::size_t helpers = std::min(static_cast<std::size_t>(job.most_threads), job.n_items) - 1;
    for (std::size_t i = 0; i < helpers; ++i) job_there_.notify_one();
    work_on(job, 0);
    std::unique_lock lock(mutex_);
    std::erase(board_, &job);
    job.done.wait(lock, [&] { return job.n_busy == 0; });
  }

 private:
  void start_workers(int n_threads) {
    asked_for_ = std::max(asked_for_, n_threads);
    if (n_threads - 1 <= n_workers_) return;
    const Reserve reserve;
    if (!reserve.is_there()) return;
    while (n_workers_ < n_threads - 1 && start_thread(&Crew::serve, this)) ++n_workers_;
  }

  // Items below one that fails were taken before it, so of all failures the lowest is known in the end.
  void work_on(Job& job, int thread) {
    while (true) {
      const std::size_t item = job.next.fetch_add(1, std::memory_order_relaxed);
      if (item >= job.n_items) return;
      try {
        job.work(item, thread);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!job.error || item < job.failed_item) {
          job.error = std::current_exception();
          job.failed_item = item;
        }
        job.next.store(job.n_items, std::memory_order_relaxed);
      }
    }
  }

  Job* job_with_room() const {
    const auto found = std::find_if(board_.begin(), board_.end(), [](const Job* job) { return job->has_room(); });
    return found == board_.end() ? nullptr : *found;
  }

  // A worker's life.
  static void* serve(void* crew) {
    Crew& own = *static_cast<Crew*>(crew);
    std::unique_lock lock(own.mutex_);
    while (true) {
      Job* job = nullptr;
      own.job_there_.wait(lock, [&] { return (job = own.job_with_room()) != nullptr; });
      const int thread = job->n_joined++;
      ++job->n_busy;
      lock.unlock();
      own.work_on(*job, thread);
      lock.lock();
      if (--job->n_busy == 0) job->done.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable job_there_;
  std::vector<Job*> board_;
  int n_workers_ = 0, asked_for_ = 1;
};

// Never destroyed: workers may still look at it when the process ends. Of a forked process the workers and whoever held
// the mutex stayed behind: the child leaves all of it alone.
std::atomic<Crew*> the_crew = nullptr;
std::atomic<Crew*> left_behind = nullptr;  // by the last fork; no leak as long as it is known

Crew& crew() {
#ifndef _WIN32
  static const int forgets_at_fork = pthread_atfork(nullptr, nullptr, [] { left_behind = the_crew.exchange(nullptr); });
  static_cast<void>(forgets_at_fork);
#endif
  Crew* now = the_crew.load();
  if (now) return *now;
  auto* made = new Crew;
  if (the_crew.compare_exchange_strong(now, made)) return *made;
  delete made;
  return *now;
}

}  // namespace

InUse::InUse(std::string_view object) : std::runtime_error(std::string(object) + ": in use by another thread") {}

ThreadPool::ThreadPool(int n_threads) : n_threads_(n_threads) {
  check_value("n_threads", n_threads, within(1, max_threads));
  if (n_threads > 1) crew().grow(n_threads);
}

void ThreadPool::for_each(std::size_t n_items, const std::function<void(std::size_t, int)>& work) const {
  if (n_threads_ == 1 || n_items < 2) {
    for (std::size_t item = 0; item < n_items; ++item) work(item, 0);
    return;
  }
  Job job{.work = work, .n_items = n_items, .most_threads = n_threads_};
  crew().play(job);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace slicefast
