#include "server/store/redis/subscriptions.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "server/core/system_clock.h"
#include "tests/server/store/redis/redis_server.h"

namespace latentd::store {
namespace {

using ::testing::ElementsAre;

// What a listener heard, in order.
class Heard {
 public:
  Subscriptions::Listener listener(bool heard = true) {
    return [this, heard](const std::string& message) {
      const std::lock_guard lock(mutex_);
      messages_.push_back(message);
      changed_.notify_all();
      return heard;
    };
  }
  std::vector<std::string> Await(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(30), [&] { return messages_.size() >= count; }));
    return messages_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> messages_;
};

class SubscriptionsTest : public testing::Test {
 protected:
  void Publish(const std::string& channel, const std::string& message) {
    EXPECT_TRUE(redis_.Run({"PUBLISH", channel, message}).ok());
  }

  RedisServer server_;
  core::SystemClock clock_;
  RedisConnection redis_{{.address = server_.address()}};
  Heard a_, b_;
  Subscriptions subscriptions_{
      {.connection = {.address = server_.address(), .timeout = absl::InfiniteDuration()}, .clock = &clock_}};
};

TEST_F(SubscriptionsTest, EachHearsItsChannel) {
  subscriptions_.Add("a", a_.listener());
  subscriptions_.Add("b", b_.listener());
  a_.Await(1);
  b_.Await(1);
  Publish("a", "one");
  Publish("b", "two");
  Publish("a", "three");
  EXPECT_THAT(a_.Await(3), ElementsAre("", "one", "three"));
  EXPECT_THAT(b_.Await(2), ElementsAre("", "two"));
}

TEST_F(SubscriptionsTest, ASecondListenerOfAChannelIsToldThatItListens) {
  subscriptions_.Add("c", a_.listener());
  a_.Await(1);
  subscriptions_.Add("c", b_.listener());
  b_.Await(1);
  Publish("c", "both");
  EXPECT_THAT(a_.Await(2), ElementsAre("", "both")) << "the first is not told again";
  EXPECT_THAT(b_.Await(2), ElementsAre("", "both"));
}

TEST_F(SubscriptionsTest, WhoIsTakenOutHearsNothing) {
  const Subscriptions::Id a = subscriptions_.Add("c", a_.listener());
  subscriptions_.Add("c", b_.listener());
  a_.Await(1);
  b_.Await(1);
  subscriptions_.Remove(a);
  Publish("c", "late");
  b_.Await(2);
  EXPECT_THAT(a_.Await(1), ElementsAre(""));
}

TEST_F(SubscriptionsTest, AfterALossEverybodyIsToldThatSomethingMayBeMissing) {
  subscriptions_.Add("a", a_.listener());
  subscriptions_.Add("b", b_.listener());
  a_.Await(1);
  b_.Await(1);
  server_.Kill();
  server_.Start();
  EXPECT_THAT(a_.Await(2), ElementsAre("", ""));
  EXPECT_THAT(b_.Await(2), ElementsAre("", ""));
  redis_.Close();
  Publish("a", "again");
  EXPECT_THAT(a_.Await(3), ElementsAre("", "", "again"));
}

TEST_F(SubscriptionsTest, WhoCouldNotActOnItIsToldAgain) {
  const Subscriptions::Id id = subscriptions_.Add("c", a_.listener(/*heard=*/false));
  subscriptions_.Add("c", b_.listener());
  EXPECT_THAT(a_.Await(4), testing::Each("")) << "without that anything is published";
  subscriptions_.Remove(id);
  Publish("c", "once");
  EXPECT_THAT(b_.Await(2), ElementsAre("", "once")) << "the other is not disturbed";
}

TEST_F(SubscriptionsTest, AListenerMayTakeItselfOut) {
  Subscriptions::Id id = 0;
  std::mutex mutex;
  {
    const std::lock_guard lock(mutex);
    id = subscriptions_.Add("c", [&](const std::string& message) {
      a_.listener()(message);
      const std::lock_guard inner(mutex);
      subscriptions_.Remove(id);
      return true;
    });
  }
  a_.Await(1);
  subscriptions_.Add("c", b_.listener());
  b_.Await(1);
  Publish("c", "late");
  b_.Await(2);
  EXPECT_THAT(a_.Await(1), ElementsAre(""));
}

}  // namespace
}  // namespace latentd::store
