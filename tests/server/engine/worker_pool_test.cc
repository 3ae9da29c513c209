#include "server/engine/worker_pool.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <vector>

namespace latentd::engine {
namespace {

TEST(WorkerPool, CarriesOutEverythingBeforeItEnds) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(3);
    for (int i = 0; i < 1000; ++i) pool.Submit([&] { ++done; });
  }
  EXPECT_EQ(done, 1000);
}

TEST(Strand, TasksKeepTheirOrderAndDoNotOverlap) {
  std::vector<int> order;
  {
    WorkerPool pool(4);
    Strand strand(pool);
    for (int i = 0; i < 500; ++i) strand.Submit([&order, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 500u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(Strand, TasksOutliveTheStrand) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(2);
    for (int i = 0; i < 50; ++i) Strand(pool).Submit([&] { ++done; });
  }
  EXPECT_EQ(done, 50);
}

TEST(Strand, TwoStrandsRunSideBySide) {
  WorkerPool pool(2);
  Strand one(pool);
  Strand two(pool);
  std::promise<void> second_ran;
  std::promise<void> first_done;
  one.Submit([&] {
    second_ran.get_future().wait();
    first_done.set_value();
  });
  two.Submit([&] { second_ran.set_value(); });
  first_done.get_future().wait();
}

}  // namespace
}  // namespace latentd::engine
