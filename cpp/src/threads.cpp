#include "slicefast/threads.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "slicefast/checks.hpp"

#ifdef _WIN32
#include <thread>
#else
#include <pthread.h>
#include <sys/mman.h>
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

#ifdef _WIN32
using Worker = std::jthread;
struct Reserve {};
#else
// With the 8 MiB that the system gives, hundreds of stacks leave a limited process no addresses for anything else.
constexpr std::size_t stack_bytes = 2u << 20;
constexpr std::size_t reserve_bytes = 64u << 20;

// A thread of a small stack, joined at its end. Throws std::system_error where the system starts none.
class Worker {
 public:
  explicit Worker(std::function<void()> work) : work_(std::make_unique<std::function<void()> >(std::move(work))) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack_bytes);
    const int error = pthread_create(&thread_, &attributes, run, work_.get());
    pthread_attr_destroy(&attributes);
    if (error != 0) throw std::system_error(error, std::generic_category());
  }
  Worker(Worker&&) noexcept = default;
  Worker& operator=(Worker&&) = delete;
  ~Worker() {
    if (work_) pthread_join(thread_, nullptr);
  }

 private:
  static void* run(void* work) {
    (*static_cast<const std::function<void()>*>(work))();
    return nullptr;
  }

  pthread_t thread_{};
  std::unique_ptr<std::function<void()> > work_;
};

// Keeps addresses free while threads start, for what they and their process need afterwards.
class Reserve {
 public:
  Reserve() : begin_(mmap(nullptr, reserve_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (begin_ == MAP_FAILED) throw std::bad_alloc();
  }
  Reserve(const Reserve&) = delete;
  Reserve& operator=(const Reserve&) = delete;
  ~Reserve() { munmap(begin_, reserve_bytes); }

 private:
  void* begin_;
};
#endif

}  // namespace

InUse::InUse(std::string_view object) : std::runtime_error(std::string(object) + ": in use by another thread") {}

struct ThreadPool::Crew {
  const long process = process_id();
  std::mutex mutex;
  std::condition_variable start, done;
  const std::function<void(std::size_t, int)>* work = nullptr;
  std::size_t n_items = 0, n_shares = 0, round = 0;
  std::size_t n_running = 0;
  bool stopping = false;
  std::exception_ptr error;
  std::vector<Worker> workers;

  explicit Crew(int n_threads) : n_shares(static_cast<std::size_t>(n_threads)) {
    if (n_threads == 1) return;
    try {
      [[maybe_unused]] const Reserve reserve;
      workers.reserve(n_shares - 1);
      for (int thread = 1; thread < n_threads; ++thread)
        workers.emplace_back([this, thread] { wait_for_work(thread); });
    } catch (...) {
      stop();
      throw;
    }
  }

  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() { stop(); }

  // Ends and joins the workers, while everything that they wait for is still there.
  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    start.notify_all();
    workers.clear();
  }

  void do_share(int thread) {
    try {
      for (auto item = static_cast<std::size_t>(thread); item < n_items; item += n_shares) (*work)(item, thread);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  }

  void wait_for_work(int thread) {
    std::size_t seen = 0;
    while (true) {
      {
        std::unique_lock lock(mutex);
        start.wait(lock, [&] { return stopping || round != seen; });
        if (stopping) return;
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
    return;
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  refuse("n_threads", text_of(n_threads), "as many as the system starts, which are fewer");
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
