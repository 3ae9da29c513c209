// Next gives what has been read, however long the next reading takes.

#include "server/store/redis/redis_watch.h"

#include <gtest/gtest.h>

#include <future>
#include <utility>

#include "server/core/system_clock.h"
#include "server/imaging/open_image.h"
#include "server/rpc/stored_jobs.h"
#include "tests/server/store/redis/redis_server.h"

namespace latentd::store {
namespace {

TEST(RedisWatchTest, NextDoesNotWaitForAReading) {
  // What is read comes from another Redis than what says that there is something.
  RedisServer read, heard;
  core::SystemClock clock;
  const rpc::StoredJobs codec(imaging::OpenImage);
  WaitingJobs waiting;
  RedisPool pool({.address = read.address(), .timeout = absl::InfiniteDuration()}, &clock);
  OutputReader outputs({.pool = &pool, .clock = &clock});
  Subscriptions subscriptions(
      {.connection = {.address = heard.address(), .timeout = absl::InfiniteDuration()}, .clock = &clock});
  ASSERT_TRUE(pool.Run({"HSET", "job:a", "state", "queued", "sequence", "1"}).ok());
  ASSERT_TRUE(pool.Run({"XADD", "events:a", "1-0", "time", "1", "queued", "3"}).ok());
  auto watch = RedisWatch::Open({.id = "a",
                                 .prefix = "",
                                 .after_sequence = 0,
                                 .pool = &pool,
                                 .subscriptions = &subscriptions,
                                 .waiting = &waiting,
                                 .outputs = &outputs,
                                 .codec = &codec,
                                 .on_ready = [] {}});
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_EQ(waiting.Ids(), std::vector<std::string>{"a"});
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
TEST(RedisWatchTest, AWatchEndsWhenRedisComesBackWithLessThanItHad) {
  RedisServer server;
  core::SystemClock clock;
  const rpc::StoredJobs codec(imaging::OpenImage);
  WaitingJobs waiting;
  const RedisConnection::Options connection = {.address = server.address(), .timeout = absl::InfiniteDuration()};
  RedisPool pool(connection, &clock);
  OutputReader outputs({.pool = &pool, .clock = &clock});
  Subscriptions subscriptions({.connection = connection, .clock = &clock});
  ASSERT_TRUE(pool.Run({"HSET", "job:a", "state", "queued", "sequence", "7"}).ok());
  ASSERT_TRUE(pool.Run({"XADD", "events:a", "7-0", "time", "1", "queued", "3"}).ok());
  std::promise<void> ready;
  auto watch = RedisWatch::Open({.id = "a",
                                 .prefix = "",
                                 .after_sequence = 7,
                                 .pool = &pool,
                                 .subscriptions = &subscriptions,
                                 .waiting = &waiting,
                                 .outputs = &outputs,
                                 .codec = &codec,
                                 .on_ready = [&] { ready.set_value(); }});
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_FALSE((*watch)->Next()->has_value());
  ASSERT_TRUE(pool.Run({"HSET", "job:a", "sequence", "5"}).ok());
  ASSERT_TRUE(pool.Run({"PUBLISH", "told:a", "5"}).ok());
  ready.get_future().get();
  EXPECT_TRUE(absl::IsUnavailable((*watch)->Next().status())) << "he who watches again begins where it is";
}

}  // namespace
}  // namespace latentd::store
