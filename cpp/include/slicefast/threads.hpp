// Threads of the core: worker threads owned by one object (no global pool: torch and OpenMP may share theirs with
// others), and the mark that an object is in use. A const method of the core may run in any number of threads at once;
// any other needs its object for itself: ExclusiveUse sees to it.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace slicefast {

// More than any machine has, and few enough that a typing error is refused before the system runs out of memory.
inline constexpr int max_threads = 1024;

// An object is in use by another thread. Nothing has changed.
struct InUse : std::runtime_error {
  explicit InUse(std::string_view object);
};

// Marks its object as in use while it lives; throws InUse where another thread has it.
class ExclusiveUse {
 public:
  ExclusiveUse(std::atomic_flag& in_use, std::string_view object) : in_use_(in_use) {
    if (in_use.test_and_set(std::memory_order_acquire)) throw InUse(object);
  }
  ~ExclusiveUse() { in_use_.clear(std::memory_order_release); }
  ExclusiveUse(const ExclusiveUse&) = delete;
  ExclusiveUse& operator=(const ExclusiveUse&) = delete;

 private:
  std::atomic_flag& in_use_;
};

class ThreadPool {
 public:
  // n_threads counts the calling thread: 1 starts no worker. Throws InvalidArgument outside 1 to max_threads, or where
  // the system starts no more threads; those that were started have ended then.
  explicit ThreadPool(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int n_threads() const { return n_threads_; }

  // Calls work(item, thread) for every item in [0, n_items), items dealt round-robin by index: which thread takes an
  // item depends on nothing but the index, so per-thread workspaces are safe and results do not depend on timing.
  // The first exception is rethrown here after all threads have finished. Throws InUse from within `work`, and while
  // another thread is in here. In a process forked from that of the constructor, whose workers are not there, the
  // first call starts new ones.
  void for_each(std::size_t n_items, const std::function<void(std::size_t item, int thread)>& work);

 private:
  struct Crew;  // the workers, and what they share with for_each

  int n_threads_;
  std::unique_ptr<Crew> crew_;
  std::atomic_flag in_use_;
};

// The same where there may be no pool: then here, one item after another.
template <class Work>
void share_items(ThreadPool* pool, std::size_t n_items, const Work& work) {
  if (pool)
    pool->for_each(n_items, work);
  else
    for (std::size_t item = 0; item < n_items; ++item) work(item, 0);
}

}  // namespace slicefast
