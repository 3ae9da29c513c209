// Next gives what has been read, however long the next reading takes.

#include "server/store/redis/redis_watch.h"

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <utility>

#include "server/core/system_clock.h"
#include "server/imaging/open_image.h"
#include "server/rpc/stored_jobs.h"
#include "tests/server/store/redis/redis_server.h"

namespace latentd::store {
namespace {

class RedisWatchTest : public testing::Test {
 protected:
  // Of the job "a". `read`: where it is; `subscriptions`: who says that there is something.
  absl::StatusOr<std::unique_ptr<core::Watch>> Open(RedisPool& read, Subscriptions& subscriptions,
                                                    OutputReader& outputs, int64_t after_sequence,
                                                    std::function<void()> on_ready) {
    return RedisWatch::Open({.id = "a",
                             .prefix = "",
                             .after_sequence = after_sequence,
                             .pool = &read,
                             .subscriptions = &subscriptions,
                             .waiting = &waiting_,
                             .outputs = &outputs,
                             .codec = &codec_,
                             .on_ready = std::move(on_ready)});
  }

  core::SystemClock clock_;
  const rpc::StoredJobs codec_{imaging::OpenImage};
  WaitingJobs waiting_;
};

TEST_F(RedisWatchTest, NextDoesNotWaitForAReading) {
  // What is read comes from another Redis than what says that there is something.
  RedisServer read, heard;
  RedisPool pool({.address = read.address(), .timeout = absl::InfiniteDuration()}, &clock_);
  OutputReader outputs({.pool = &pool, .clock = &clock_});
  Subscriptions subscriptions(
      {.connection = {.address = heard.address(), .timeout = absl::InfiniteDuration()}, .clock = &clock_});
  ASSERT_TRUE(pool.Run({"HSET", "job:a", "state", "queued", "sequence", "1"}).ok());
  ASSERT_TRUE(pool.Run({"XADD", "events:a", "1-0", "time", "1", "queued", "3"}).ok());
  auto watch = Open(pool, subscriptions, outputs, 0, [] {});
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_EQ(waiting_.Ids(), std::vector<std::string>{"a"});
  std::promise<void> told;
  const Subscriptions::Id last = subscriptions.Add("told:a", [&](const std::string& message) {
    if (message == "2") told.set_value();  // those before this one have been told
    return true;
  });

  read.Pause();
  RedisConnection publisher({.address = heard.address()});
  ASSERT_TRUE(publisher.Run({"PUBLISH", "told:a", "1"}).ok());
  auto next = std::async(std::launch::async, [&] {
    std::vector<std::optional<core::Event>> events;
    events.reserve(100'000);
    for (int i = 0; i < 100'000; ++i) events.push_back((*watch)->Next().value());
    return events;
  });
  ASSERT_EQ(next.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  const auto events = next.get();
  EXPECT_EQ(events[0]->sequence, 1);
  EXPECT_FALSE(events.back().has_value());

  read.Resume();
  ASSERT_TRUE(publisher.Run({"PUBLISH", "told:a", "2"}).ok());
  told.get_future().get();
  subscriptions.Remove(last);
}

// As with appendfsync everysec, or a replica that takes over.
TEST_F(RedisWatchTest, AWatchEndsWhenRedisComesBackWithLessThanItHad) {
  RedisServer server;
  const RedisConnection::Options connection = {.address = server.address(), .timeout = absl::InfiniteDuration()};
  RedisPool pool(connection, &clock_);
  OutputReader outputs({.pool = &pool, .clock = &clock_});
  Subscriptions subscriptions({.connection = connection, .clock = &clock_});
  ASSERT_TRUE(pool.Run({"HSET", "job:a", "state", "queued", "sequence", "7"}).ok());
  ASSERT_TRUE(pool.Run({"XADD", "events:a", "7-0", "time", "1", "queued", "3"}).ok());
  std::promise<void> ready;
  auto watch = Open(pool, subscriptions, outputs, 7, [&] { ready.set_value(); });
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_FALSE((*watch)->Next()->has_value());
  ASSERT_TRUE(pool.Run({"HSET", "job:a", "sequence", "5"}).ok());
  ASSERT_TRUE(pool.Run({"PUBLISH", "told:a", "5"}).ok());
  ready.get_future().get();
  EXPECT_TRUE(absl::IsUnavailable((*watch)->Next().status())) << "he who watches again begins where it is";
}

}  // namespace
}  // namespace latentd::store
