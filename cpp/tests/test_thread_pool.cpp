#include <numeric>
#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "slicefast/thread_pool.hpp"

void test_thread_pool() {
  for (int n_threads : {1, 2, 3}) {
    slicefast::ThreadPool pool(n_threads);
    for (int round = 0; round < 50; ++round) {
      std::vector<int> hits(17, 0);
      pool.for_each(hits.size(), [&](std::size_t item, int) { hits[item] += 1; });
      CHECK(std::accumulate(hits.begin(), hits.end(), 0) == 17);
    }
    bool thrown = false;
    try {
      pool.for_each(5, [](std::size_t item, int) {
        if (item == 3) throw std::runtime_error("item 3");
      });
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    CHECK(thrown);
  }
}
