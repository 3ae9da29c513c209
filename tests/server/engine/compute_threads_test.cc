#include "server/engine/compute_threads.h"

#include <ATen/Parallel.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <iterator>
#include <thread>

namespace latentd::engine {
namespace {

int64_t ThreadsOfThisProcess() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
}

// Roots are MKL's work, which has a number of threads of its own.
void ComputeRoots() { at::ones({1 << 20}).sqrt_(); }

TEST(ComputeThreadsTest, EachThreadHasItsOwnNumberAlsoInMkl) {
  std::promise<void> computed;
  std::promise<void> end;
  std::thread two([&] {
    UseComputeThreads(2);
    EXPECT_EQ(at::get_num_threads(), 2);
    ComputeRoots();
    computed.set_value();
    end.get_future().wait();
  });
  computed.get_future().wait();
  std::thread one([] {
    UseComputeThreads(1);
    EXPECT_EQ(at::get_num_threads(), 1);
    const int64_t before = ThreadsOfThisProcess();
    ComputeRoots();
    EXPECT_EQ(ThreadsOfThisProcess(), before);
  });
  one.join();
  end.set_value();
  two.join();
}

TEST(ComputeThreadsTest, CallersGoBeforeWhoeverComputes) {
  const auto niceness = [] { return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())); };
  const int before = niceness();
  std::thread([&] {
    YieldToCallers();
    EXPECT_GT(niceness(), before);
    std::thread([&] { EXPECT_GT(niceness(), before); }).join();  // as the threads of OpenMP are started
  }).join();
  EXPECT_EQ(niceness(), before);
}

}  // namespace
}  // namespace latentd::engine
