// Threads of the core: one pool of workers for the whole process, and the mark that an object is in use. A const method
// of the core may run in any number of threads at once; any other needs its object for itself: ExclusiveUse sees to it.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
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

// So many threads of the process's pool, the caller's among them. The workers are started once, by the first pool that
// asks for so many, and serve every pool of the process until it ends; where the system starts fewer, those it has
// started do the work. A process that was forked starts its own.
class ThreadPool {
 public:
  // Throws InvalidArgument outside 1 to max_threads.
  explicit ThreadPool(int n_threads);

  int n_threads() const { return n_threads_; }

  // Calls work(item, thread) once for every item in [0, n_items), on this thread and on workers that are free. Threads
  // number from 0, this one, to n_threads() - 1, and take the items in ascending order, whoever comes first: what is
  // kept by thread must not show in a result. Of several exceptions that of the lowest item is rethrown here, after all
  // threads have finished. May be called from several threads at once, and from within `work`.
  void for_each(std::size_t n_items, const std::function<void(std::size_t item, int thread)>& work) const;

 private:
  int n_threads_;
};

// The same where there may be no pool: then here, one item after another.
template <class Work>
void share_items(const ThreadPool* pool, std::size_t n_items, const Work& work) {
  if (pool)
    pool->for_each(n_items, std::cref(work));  // a reference fits into std::function without an allocation
  else
    for (std::size_t item = 0; item < n_items; ++item) work(item, 0);
}

}  // namespace slicefast
