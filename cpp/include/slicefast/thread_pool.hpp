// A fixed set of worker threads owned by one object (no global pool: torch and OpenMP may share theirs with others).
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace slicefast {

class ThreadPool {
 public:
  // n_threads counts the calling thread: 1 starts no worker.
  explicit ThreadPool(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int n_threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls work(item, thread) for every item in [0, n_items), items dealt round-robin by index: which thread takes an
  // item depends on nothing but the index, so per-thread workspaces are safe and results do not depend on timing.
  // The first exception is rethrown here after all threads have finished.
  void for_each(std::size_t n_items, const std::function<void(std::size_t item, int thread)>& work);

 private:
  void run_share(int thread);
  void worker_loop(int thread);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(std::size_t, int)>* work_ = nullptr;
  std::size_t n_items_ = 0;
  std::size_t generation_ = 0;
  int running_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;
};

// The same on the pool's threads, or here where there is no pool.
template <class Work>
void over(ThreadPool* pool, std::size_t n_items, const Work& work) {
  if (pool)
    pool->for_each(n_items, work);
  else
    for (std::size_t item = 0; item < n_items; ++item) work(item, 0);
}

}  // namespace slicefast
