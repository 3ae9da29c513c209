#include "server/store/redis/outbox.h"

#include <gmock/gmock.h>

#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/system_clock.h"
#include "server/store/redis/scripts.h"
#include "tests/server/store/redis/redis_server.h"

namespace latentd::store {
namespace {

using ::testing::ElementsAre;

class OutboxTest : public testing::Test {
 protected:
  // A job that is owned, with its token.
  std::string Own(const std::string& id) {
    const auto created = redis_.Run(
        CallScript("create", "", {id, "", "m",       "0", "1", "1", "1",   "4",    "600000", "600000", "0", "",
                                  "", "", "request", "0", "0", "0", "100", "1000", "1000",   "",       "",  "me"}));
    EXPECT_TRUE(created.ok()) << created.status();
    const auto claimed = redis_.Run(CallScript("claim", "", {"me", id, "60000", "1", "0", "1", "1", "m", "0"}));
    EXPECT_TRUE(claimed.ok()) << claimed.status();
    return claimed->list().at(0).list().at(1).text();
  }

  void Progress(const std::string& id, const std::string& token, int output, bool preview, const std::string& event) {
    outbox_.Add({.id = id,
                 .token = token,
                 .what = {"progress", absl::StrCat(output), preview ? "1" : "0", event, "usage", "1"},
                 .state_of = absl::StrCat("progress of ", output),
                 .has_preview = preview});
  }
  void Flush() { EXPECT_TRUE(outbox_.Flush(clock_.Now() + absl::Seconds(30))); }

  // The events after the first, Queued.
  std::vector<std::string> Events(const std::string& id) {
    std::vector<std::string> events;
    const RedisReply entries = redis_.Run({"XRANGE", absl::StrCat("events:", id), "-", "+"}).value();
    for (size_t i = 1; i < entries.list().size(); ++i) {
      events.push_back(entries.list()[i].list()[1].list().at(3).text());
    }
    return events;
  }

  std::vector<std::string> Fenced() {
    const std::lock_guard lock(mutex_);
    return fenced_;
  }

  RedisServer server_;
  core::SystemClock clock_;
  RedisConnection redis_{{.address = server_.address(), .greeting = LoadScripts()}};
  std::mutex mutex_;
  std::vector<std::string> fenced_;
  Outbox outbox_{
      {.connection = {.address = server_.address(), .timeout = absl::Milliseconds(300), .greeting = LoadScripts()},
       .prefix = "",
       .clock = &clock_,
       .on_fenced =
           [this](const std::string& id, const std::string& /*token*/) {
             const std::lock_guard lock(mutex_);
             fenced_.push_back(id);
           },
       .on_follower_ended = [](const std::string& /*id*/) {},
       .retry_after = absl::Milliseconds(5)}};
};

TEST_F(OutboxTest, WritesArriveInTheirOrder) {
  const std::string token = Own("a");
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) {
    expected.push_back(absl::StrCat("started ", i));
    outbox_.Add({.id = "a", .token = token, .what = {"start", expected.back()}});
  }
  Flush();
  EXPECT_EQ(Events("a"), expected);
}

TEST_F(OutboxTest, WhatIsWrittenWhileRedisIsAwayArrivesOnce) {
  const std::string a = Own("a"), b = Own("b");
  outbox_.Add({.id = "a", .token = a, .what = {"start", "a starts"}});
  Flush();
  server_.Kill();
  for (int i = 0; i < 100; ++i) {
    outbox_.Add({.id = "a", .token = a, .what = {"start", absl::StrCat("a", i)}});
    outbox_.Add({.id = "b", .token = b, .what = {"start", absl::StrCat("b", i)}});
  }
  EXPECT_FALSE(outbox_.Flush(clock_.Now() + absl::Milliseconds(50)));
  server_.Start();
  Flush();
  redis_.Close();
  std::vector<std::string> expected_a = {"a starts"}, expected_b;
  for (int i = 0; i < 100; ++i) {
    expected_a.push_back(absl::StrCat("a", i));
    expected_b.push_back(absl::StrCat("b", i));
  }
  EXPECT_EQ(Events("a"), expected_a);
  EXPECT_EQ(Events("b"), expected_b);
}

// Redis has carried out what it did not answer in time.
TEST_F(OutboxTest, AnAnswerThatIsLostIsNotAWriteThatIsLostOrDoubled) {
  const std::string token = Own("a");
  outbox_.Add({.id = "a", .token = token, .what = {"start", "0"}});
  Flush();
  std::vector<std::string> expected = {"0"};
  for (int round = 0; round < 3; ++round) {
    server_.Pause();
    for (int i = 0; i < 10; ++i) {
      expected.push_back(absl::StrCat(round, ".", i));
      outbox_.Add({.id = "a", .token = token, .what = {"start", expected.back()}});
    }
    EXPECT_FALSE(outbox_.Flush(clock_.Now() + absl::Milliseconds(400))) << "longer than an answer is waited for";
    server_.Resume();
    Flush();
  }
  EXPECT_EQ(Events("a"), expected);
}

// It is the one that the next one was to follow.
TEST_F(OutboxTest, ProgressWhoseAnswerIsLostIsNotForgottenForNewer) {
  const std::string token = Own("a");
  for (int round = 0; round < 3; ++round) {
    server_.Pause();
    Progress("a", token, 0, false, absl::StrCat(round, " first"));
    EXPECT_FALSE(outbox_.Flush(clock_.Now() + absl::Milliseconds(400))) << "longer than an answer is waited for";
    Progress("a", token, 0, false, absl::StrCat(round, " second"));
    server_.Resume();
    Flush();
  }
  EXPECT_EQ(Events("a"), std::vector<std::string>({"2 second"}));
}

TEST_F(OutboxTest, OfCheckpointsOnlyTheLastWaits) {
  const std::string token = Own("a");
  server_.Kill();
  for (int i = 0; i < 50; ++i) {
    outbox_.Add(
        {.id = "a", .token = token, .what = {"checkpoint", absl::StrCat(i), "usage"}, .state_of = "checkpoint"});
  }
  server_.Start();
  Flush();
  redis_.Close();
  EXPECT_EQ(redis_.Run({"HGET", "checkpoint:a", "step"}).value().text(), "49");
  // The first may have been sent before Redis went away.
  EXPECT_GE(redis_.Run({"HGET", "job:a", "written"}).value().number(), 50);
}

TEST_F(OutboxTest, OfProgressOnlyTheNewestWaits) {
  const std::string token = Own("a");
  server_.Kill();
  for (int i = 0; i < 50; ++i) {
    Progress("a", token, 0, i % 10 == 0, absl::StrCat("0:", i));
    Progress("a", token, 1, false, absl::StrCat("1:", i));
  }
  outbox_.Add({.id = "a", .token = token, .what = {"start", "end"}});
  server_.Start();
  Flush();
  redis_.Close();
  const std::vector<std::string> events = Events("a");
  EXPECT_LE(events.size(), 4u) << testing::PrintToString(events);
  EXPECT_THAT(events, testing::IsSupersetOf({"0:40", "0:49", "1:49", "end"}));
}

TEST_F(OutboxTest, AnOwnerThatIsFencedOutIsTold) {
  const std::string token = Own("a");
  ASSERT_TRUE(redis_.Run(CallScript("stop", "", {"a", "cancel", "CALLER", "status"})).ok());
  outbox_.Add({.id = "a", .token = token, .what = {"start", "late"}});
  Flush();
  EXPECT_THAT(Fenced(), ElementsAre("a"));
}

// As after a failure of its machine, where not every write is on the disk before it is answered.
TEST_F(OutboxTest, ARedisThatComesBackWithLessIsInNobodysWay) {
  const std::string a = Own("a"), b = Own("b");
  for (int i = 0; i < 3; ++i) outbox_.Add({.id = "a", .token = a, .what = {"start", absl::StrCat(i)}});
  Flush();
  ASSERT_TRUE(redis_.Run({"HSET", "job:a", "written", "2"}).ok());
  outbox_.Add({.id = "a", .token = a, .what = {"start", "3"}});
  outbox_.Add({.id = "a", .token = a, .what = {"start", "4"}});
  outbox_.Add({.id = "b", .token = b, .what = {"start", "of b"}});
  Flush();
  EXPECT_THAT(Fenced(), ElementsAre("a")) << "whoever has it next goes on from what is there";
  EXPECT_THAT(Events("b"), ElementsAre("of b"));
}

TEST_F(OutboxTest, ThoseWhoseEndIsNotWrittenAreKnown) {
  const std::string token = Own("a");
  EXPECT_THAT(outbox_.Ending(), testing::IsEmpty());
  server_.Pause();
  outbox_.Add({.id = "a", .token = token, .what = {"start", "it"}});
  outbox_.Add({.id = "a", .token = token, .what = {"complete", "u", "1", "u", "1"}, .is_last = true, .is_end = true});
  EXPECT_THAT(outbox_.Ending(), ElementsAre(testing::Pair("a", token)));
  server_.Resume();
  Flush();
  EXPECT_THAT(outbox_.Ending(), testing::IsEmpty());
}

TEST_F(OutboxTest, AWriteThatRedisRefusesIsInNobodysWay) {
  const std::string a = Own("a"), b = Own("b");
  outbox_.Add({.id = "a", .token = a, .what = {"output"}});  // without what the script needs
  Flush();
  EXPECT_THAT(Fenced(), ElementsAre("a"));
  outbox_.Add({.id = "a", .token = a, .what = {"start", "not told"}});
  outbox_.Add({.id = "b", .token = b, .what = {"start", "told"}});
  Flush();
  EXPECT_THAT(Events("a"), testing::IsEmpty());
  EXPECT_THAT(Events("b"), ElementsAre("told"));
}

// What was accepted is finished: that makes room.
TEST_F(OutboxTest, AFullRedisTakesWhatOwnersWrite) {
  const std::string token = Own("a");
  ASSERT_TRUE(redis_.Run({"CONFIG", "SET", "maxmemory", "1"}).ok());
  outbox_.Add({.id = "a", .token = token, .what = {"start", "1"}});
  outbox_.Add({.id = "a", .token = token, .what = {"start", "2"}});
  Flush();
  EXPECT_THAT(Events("a"), ElementsAre("1", "2"));
}

}  // namespace
}  // namespace latentd::store
