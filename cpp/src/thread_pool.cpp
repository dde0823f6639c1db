#include "slicefast/thread_pool.hpp"

#include <string>

#include "slicefast/errors.hpp"

namespace slicefast {

ThreadPool::ThreadPool(int n_threads) {
  if (n_threads < 1) throw InvalidArgument("n_threads: got " + std::to_string(n_threads) + ", must be at least 1");
  for (int thread = 1; thread < n_threads; ++thread) workers_.emplace_back([this, thread] { worker_loop(thread); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  start_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::run_share(int thread) {
  try {
    for (std::size_t item = static_cast<std::size_t>(thread); item < n_items_; item += workers_.size() + 1)
      (*work_)(item, thread);
  } catch (...) {
    std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
}

void ThreadPool::worker_loop(int thread) {
  std::size_t seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stop_ || generation_ != seen; });
      if (stop_) return;
      seen = generation_;
    }
    run_share(thread);
    std::lock_guard lock(mutex_);
    if (--running_ == 0) done_.notify_one();
  }
}

void ThreadPool::for_each(std::size_t n_items, const std::function<void(std::size_t, int)>& work) {
  {
    std::lock_guard lock(mutex_);
    work_ = &work;
    n_items_ = n_items;
    error_ = nullptr;
    running_ = static_cast<int>(workers_.size());
    ++generation_;
  }
  start_.notify_all();
  run_share(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return running_ == 0; });
  work_ = nullptr;
  if (error_) std::rethrow_exception(error_);
}

}  // namespace slicefast
