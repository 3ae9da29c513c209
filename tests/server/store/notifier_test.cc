#include "server/store/notifier.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace latentd::store {
namespace {

TEST(NotifierTest, CallsOnceForEachNotice) {
  int calls = 0;
  Notifier notifier([&] { ++calls; });
  notifier.Notify();
  notifier.Notify();
  EXPECT_EQ(calls, 2);
}

TEST(NotifierTest, IsSilentAfterClose) {
  int calls = 0;
  Notifier notifier([&] { ++calls; });
  notifier.Close();
  notifier.Notify();
  EXPECT_EQ(calls, 0);
}

TEST(NotifierTest, MayBeClosedFromInside) {
  int calls = 0;
  std::unique_ptr<Notifier> notifier;
  notifier = std::make_unique<Notifier>([&] {
    ++calls;
    notifier->Close();
  });
  notifier->Notify();
  notifier->Notify();
  EXPECT_EQ(calls, 1);
}

TEST(NotifierTest, NoticeFromInsideComesAfterwards) {
  int depth = 0;
  int calls = 0;
  std::unique_ptr<Notifier> notifier;
  notifier = std::make_unique<Notifier>([&] {
    EXPECT_EQ(++depth, 1);
    if (++calls < 3) notifier->Notify();
    --depth;
  });
  notifier->Notify();
  EXPECT_EQ(calls, 3);
}

TEST(NotifierTest, CloseWaitsForACallOnAnotherThread) {
  std::promise<void> began;
  std::promise<void> may_end;
  std::atomic<bool> ended = false;
  Notifier notifier([&] {
    began.set_value();
    may_end.get_future().wait();
    ended = true;
  });
  std::thread caller([&] { notifier.Notify(); });
  began.get_future().wait();
  std::thread closer([&] {
    notifier.Close();
    EXPECT_TRUE(ended);
  });
  may_end.set_value();
  closer.join();
  caller.join();
}

TEST(NotifierTest, NeverCallsTwiceAtATimeAndLosesNoNotice) {
  std::atomic<int> inside = 0;
  std::atomic<int> noticed = 0;
  std::atomic<int> seen = 0;
  Notifier notifier([&] {
    EXPECT_EQ(++inside, 1);
    seen = noticed.load();
    --inside;
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        ++noticed;
        notifier.Notify();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen, 4000) << "the last call came after the last notice";
}

}  // namespace
}  // namespace latentd::store
