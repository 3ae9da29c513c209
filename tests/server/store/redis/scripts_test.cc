// The scripts by themselves, in a real Redis: what a job may become, who may write what, and that the counts hold.

#include "server/store/redis/scripts.h"

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/server/store/redis/redis_server.h"

namespace latentd::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr char kPrefix[] = "{test}:";

struct Made {
  std::string tenant = "shop";
  std::string model = "pictograms";
  int64_t place = 0;  // in seconds, the smaller the earlier
  int64_t work = 100;
  double weight = 1;
  int outputs = 1;
  int64_t timeout = 600'000;
  int64_t keep = 600'000;
  std::string request_id = "";
  std::string fingerprint = "f";
  int max_jobs = 0;
  int max_waiting = 0;
  int64_t per_minute = 0;
  int fleet_waiting = 1000;
  int64_t fleet_bytes = 1 << 30;
  int64_t job_bytes = 1 << 30;
  std::string run = "";
  std::string accepted_by = "front";
};

struct Claimed {
  std::string id;
  std::string token;
  int lost = 0;
};

class RedisScriptsTest : public testing::Test {
 protected:
  RedisReply Call(std::string_view script, std::vector<std::string> arguments) {
    auto reply = redis_.Run(CallScript(script, kPrefix, std::move(arguments)));
    EXPECT_TRUE(reply.ok()) << script << ": " << reply.status();
    return reply.ok() ? *reply : RedisReply();
  }

  RedisReply Run(const RedisCommand& command) {
    auto reply = redis_.Run(command);
    EXPECT_TRUE(reply.ok()) << command[0] << ": " << reply.status();
    return reply.ok() ? *reply : RedisReply();
  }

  std::vector<std::string> Create(const std::string& id, const Made& made = {}) {
    const RedisReply reply = Call("create", {id,
                                             made.tenant,
                                             made.model,
                                             absl::StrCat(-made.place * 1'000'000),
                                             absl::StrCat(made.work),
                                             "1000",
                                             absl::StrCat(made.weight),
                                             absl::StrCat(made.outputs),
                                             absl::StrCat(made.timeout),
                                             absl::StrCat(made.keep),
                                             "0",
                                             made.request_id,
                                             made.fingerprint,
                                             "trace",
                                             "the request",
                                             absl::StrCat(made.max_jobs),
                                             absl::StrCat(made.max_waiting),
                                             absl::StrCat(made.per_minute),
                                             absl::StrCat(made.fleet_waiting),
                                             absl::StrCat(made.fleet_bytes),
                                             absl::StrCat(made.job_bytes),
                                             made.run,
                                             "nothing",
                                             made.accepted_by});
    std::vector<std::string> words;
    for (const RedisReply& word : reply.list()) words.push_back(word.text());
    return words;
  }

  std::vector<Claimed> Claim(const std::string& owner, int most = 100, std::vector<std::string> models = {"pictograms"},
                             int64_t lease = 60'000, int64_t patience = 60'000) {
    std::vector<std::string> arguments = {owner,
                                          absl::StrCat(++claims_),
                                          absl::StrCat(lease),
                                          absl::StrCat(most),
                                          absl::StrCat(patience),
                                          is_loading_ ? "0" : "1",
                                          absl::StrCat(models.size())};
    arguments.insert(arguments.end(), models.begin(), models.end());
    std::vector<std::string> others;
    for (const std::string& other : could_load_) {
      if (std::find(models.begin(), models.end(), other) == models.end()) others.push_back(other);
    }
    arguments.push_back(absl::StrCat(others.size()));
    arguments.insert(arguments.end(), others.begin(), others.end());
    arguments.insert(arguments.end(), broken_.begin(), broken_.end());
    std::vector<Claimed> claimed;
    for (const RedisReply& job : Call("claim", arguments).list()) {
      claimed.push_back({job.list()[0].text(), job.list()[1].text(), static_cast<int>(job.list()[2].number())});
    }
    return claimed;
  }
  std::vector<std::string> ClaimedIds(const std::string& owner, int most = 100,
                                      std::vector<std::string> models = {"pictograms"}) {
    std::vector<std::string> ids;
    for (const Claimed& job : Claim(owner, most, std::move(models))) ids.push_back(job.id);
    return ids;
  }

  // Whether it was the owner's to write.
  bool Write(const Claimed& job, std::vector<std::string> what) {
    const std::string before = absl::StrCat(std::exchange(written_[job.token], ++writes_));
    what.insert(what.begin(), {job.id, job.token, absl::StrCat(writes_), before});
    const RedisReply reply = Call("own", what);
    const int64_t answer = reply.is_list() ? reply.list().at(0).number() : reply.number();
    EXPECT_NE(answer, 2) << "the numbers are in order";
    return answer == 1;
  }

  std::string Field(const std::string& id, const std::string& name) {
    return Run({"HGET", absl::StrCat(kPrefix, "job:", id), name}).text();
  }
  std::map<std::string, std::string> Hash(const std::string& key) {
    std::map<std::string, std::string> fields;
    const RedisReply reply = Run({"HGETALL", kPrefix + key});
    for (size_t i = 0; i < reply.list().size(); i += 2) fields[reply.list()[i].text()] = reply.list()[i + 1].text();
    return fields;
  }

  // Each event by its number and the name of its first value.
  std::vector<std::string> Events(const std::string& id) {
    std::vector<std::string> events;
    for (const RedisReply& entry : Run({"XRANGE", absl::StrCat(kPrefix, "events:", id), "-", "+"}).list()) {
      const auto& values = entry.list()[1].list();
      std::string number = entry.list()[0].text();
      number.resize(number.find('-'));
      events.push_back(absl::StrCat(number, " ", values[2].text(), values[2].text() == "event" ? " " : "",
                                    values[2].text() == "event" ? values[3].text() : ""));
    }
    return events;
  }

  // As if nobody had known the model for so long, since it was looked at first.
  void PassWithoutAnybodyWhoKnows(const std::string& model, absl::Duration time) {
    Run({"DEL", absl::StrCat(kPrefix, "knows:", model)});
    const std::string field = absl::StrCat("unknown:", model);
    Run({"HINCRBY", absl::StrCat(kPrefix, "totals"), field, absl::StrCat(-absl::ToInt64Milliseconds(time))});
  }

  // Nothing waits or runs any more, and nothing is counted.
  void ExpectNothingIsLeft() {
    std::map<std::string, std::string> totals = Hash("totals");
    EXPECT_EQ(totals["queued"], "0");
    EXPECT_EQ(totals["running"].empty() ? "0" : totals["running"], "0");
    EXPECT_EQ(totals["bytes"], "0");
    EXPECT_EQ(totals["waiting:pictograms"], "0");
    for (const char* key : {"models", "leases", "deadlines", "waiting:pictograms"}) {
      EXPECT_EQ(Run({"EXISTS", absl::StrCat(kPrefix, key)}).number(), 0) << key;
    }
  }

  RedisServer server_;
  RedisConnection redis_{{.address = server_.address(), .greeting = LoadScripts()}};
  std::vector<std::string> could_load_ = {"pictograms", "sdxl", "turbo"};  // whoever claims
  std::vector<std::string> broken_;                                        // and cannot load these
  bool is_loading_ = false;                                                // another already
  int claims_ = 0;
  int writes_ = 0;
  std::map<std::string, int> written_;  // by token
};

TEST_F(RedisScriptsTest, AJobWaitsRunsAndEnds) {
  EXPECT_THAT(Create("a"), ElementsAre("created", "a"));
  EXPECT_EQ(Field("a", "state"), "queued");
  const std::vector<Claimed> claimed = Claim("r1");
  ASSERT_THAT(claimed, SizeIs(1));
  EXPECT_TRUE(Write(claimed[0], {"start", "started"}));
  EXPECT_EQ(Field("a", "state"), "running");
  EXPECT_TRUE(Write(claimed[0], {"progress", "0", "0", "step 1", "u", "5"}));
  EXPECT_TRUE(Write(claimed[0], {"output", "0", "1", "the output", "bytes"}));
  EXPECT_TRUE(Write(claimed[0], {"complete", "usage", "90"}));
  EXPECT_EQ(Field("a", "state"), "completed");
  EXPECT_THAT(Events("a"),
              ElementsAre("1 queued", "2 event started", "3 event step 1", "4 event the output", "6 completed"))
      << "5 is the output's piece";
  EXPECT_EQ(Field("a", "sequence"), "6");
  EXPECT_EQ(Run({"GET", absl::StrCat(kPrefix, "output:a:0")}).text(), "bytes");
  ExpectNothingIsLeft();
  for (const char* key : {"job:a", "events:a", "output:a:0"}) {
    EXPECT_GT(Run({"PTTL", absl::StrCat(kPrefix, key)}).number(), 500'000) << key;
  }
}

TEST_F(RedisScriptsTest, ARequestIdGivesTheJobThatThereIs) {
  Create("a", {.request_id = "r"});
  EXPECT_THAT(Create("b", {.request_id = "r"}), ElementsAre("known", "a"));
  EXPECT_THAT(Create("c", {.request_id = "r", .fingerprint = "other"}), ElementsAre("reused", "a"));
  EXPECT_THAT(Create("d", {.tenant = "other", .request_id = "r"}), ElementsAre("created", "d"));
  EXPECT_THAT(Create("a"), ElementsAre("created", "a")) << "its own, when the answer was lost";
  EXPECT_THAT(Create("a", {.tenant = "other"}), ElementsAre("taken", "a"));
}

TEST_F(RedisScriptsTest, ARequestIdIsForgottenWithItsJob) {
  Create("a", {.timeout = 86'400'000, .keep = 60'000, .request_id = "r"});
  Write(Claim("r1")[0], {"complete", "usage", "1"});
  const int64_t left = Run({"PTTL", absl::StrCat(kPrefix, "request:shop:r")}).number();
  EXPECT_GT(left, 50'000);
  EXPECT_LE(left, 61'000);
}

TEST_F(RedisScriptsTest, AClockThatIsSetBackTakesNothingFromATenant) {
  Create("a", {.work = 100, .per_minute = 1000});
  Run({"HINCRBY", absl::StrCat(kPrefix, "use:shop"), "at", "3600000"});
  EXPECT_THAT(Create("b", {.work = 100, .per_minute = 1000}), ElementsAre("created", "b"));
}

TEST_F(RedisScriptsTest, AClockThatIsSetBackBeginsLeasesAnew) {
  Create("a");
  const std::vector<Claimed> claimed = Claim("r1");
  Call("reap", {"9", "60000"});
  Run({"HINCRBY", absl::StrCat(kPrefix, "totals"), "reaped", "3600000"});
  Run({"ZINCRBY", absl::StrCat(kPrefix, "leases"), "3600000", "a"});
  Call("reap", {"9", "60000"});
  const int64_t now = absl::ToUnixMillis(absl::Now());
  EXPECT_LE(std::stod(Run({"ZSCORE", absl::StrCat(kPrefix, "leases"), "a"}).text()), static_cast<double>(now + 60'000));
}

TEST_F(RedisScriptsTest, LimitsRefuseAndLeaveNothing) {
  EXPECT_THAT(Create("a", {.fleet_waiting = 0}), ElementsAre("full", "1000", testing::_));
  EXPECT_THAT(Create("a", {.fleet_bytes = 999}), ElementsAre("full of bytes", "1000", testing::_));
  EXPECT_THAT(Run({"KEYS", "*"}).list(), IsEmpty());
  Create("a", {.max_jobs = 1});
  EXPECT_THAT(Create("b", {.max_jobs = 1}), ElementsAre("jobs", "1000"));
  EXPECT_THAT(Create("b", {.max_waiting = 1}), ElementsAre("waiting", "1000"));
  EXPECT_THAT(Create("b", {.tenant = "other", .max_jobs = 1}), ElementsAre("created", "b"));
  const auto claimed = Claim("r1");
  Write(claimed[0], {"start", "started"});
  EXPECT_THAT(Create("c", {.max_jobs = 1}), ElementsAre("jobs", "1000")) << "it runs";
  EXPECT_THAT(Create("c", {.max_waiting = 1}), ElementsAre("created", "c")) << "it does not wait";
}

TEST_F(RedisScriptsTest, WorkIsCountedByTheMinuteAsItWasUsed) {
  EXPECT_THAT(Create("a", {.work = 600, .per_minute = 1000}), ElementsAre("created", "a"));
  const auto refused = Create("b", {.work = 600, .per_minute = 1000});
  ASSERT_THAT(refused, ElementsAre("work", testing::_));
  EXPECT_NEAR(std::stod(refused[1]), 200.0 / 1000 * 60'000, 1000) << "ms until there is room";
  const auto claimed = Claim("r1");
  Write(claimed[0], {"complete", "usage", "100"});
  EXPECT_THAT(Create("b", {.work = 600, .per_minute = 1000}), ElementsAre("created", "b")) << "100 were used";
}

TEST_F(RedisScriptsTest, UrgentJobsAndThenThoseThatCameFirstAreGivenOut) {
  Create("late", {.place = 3});
  Create("first", {.place = 1});
  Create("urgent", {.place = -5000});
  EXPECT_THAT(ClaimedIds("r1"), ElementsAre("urgent", "first", "late"));
  EXPECT_THAT(ClaimedIds("r1"), IsEmpty());
}

TEST_F(RedisScriptsTest, TenantsTakeTurnsByTheirWeights) {
  for (int i = 0; i < 6; ++i) {
    Create(absl::StrCat("big", i), {.tenant = "big", .place = i});
    Create(absl::StrCat("heavy", i), {.tenant = "heavy", .place = 100 + i, .weight = 2});
  }
  const std::vector<std::string> order = ClaimedIds("r1", 6);
  EXPECT_EQ(std::count_if(order.begin(), order.end(), [](const std::string& id) { return id.starts_with("heavy"); }), 4)
      << testing::PrintToString(order);
}

TEST_F(RedisScriptsTest, WhoComesBackIsOwedNothing) {
  for (int i = 0; i < 10; ++i) Create(absl::StrCat("a", i), {.tenant = "a", .place = i});
  EXPECT_THAT(ClaimedIds("r1", 6), SizeIs(6));
  for (int i = 0; i < 4; ++i) Create(absl::StrCat("b", i), {.tenant = "b", .place = 50 + i});
  const std::vector<std::string> order = ClaimedIds("r1", 4);
  EXPECT_EQ(std::count_if(order.begin(), order.end(), [](const std::string& id) { return id.starts_with("b"); }), 2)
      << testing::PrintToString(order);
}

TEST_F(RedisScriptsTest, JobsGoToThoseWhoHaveTheirModel) {
  Create("p");
  Create("s", {.model = "sdxl"});
  Call("renew", {"r2", "60000", "1", "1", "sdxl", "0"});
  EXPECT_THAT(ClaimedIds("r1", 9, {"pictograms"}), ElementsAre("p")) << "r2 has sdxl";
  EXPECT_THAT(ClaimedIds("r2", 9, {"sdxl"}), ElementsAre("s"));
  Create("t", {.model = "turbo"});
  EXPECT_THAT(ClaimedIds("r1", 9, {"pictograms"}), ElementsAre("t")) << "nobody has it";
}

TEST_F(RedisScriptsTest, AJobThatWaitsForTooLongGoesToAnybody) {
  Create("s", {.model = "sdxl"});
  Call("renew", {"r2", "60000", "1", "1", "sdxl", "0"});
  EXPECT_THAT(Claim("r1", 9, {"pictograms"}, 60'000, 60'000), IsEmpty());
  EXPECT_THAT(Claim("r1", 9, {"pictograms"}, 60'000, 0), SizeIs(1));
}

TEST_F(RedisScriptsTest, AJobThatWaitsAgainHasNotWaitedForLong) {
  Create("s", {.model = "sdxl"});
  const std::vector<Claimed> claimed = Claim("r2", 9, {"sdxl"});
  ASSERT_THAT(claimed, SizeIs(1));
  Run({"HINCRBY", absl::StrCat(kPrefix, "job:s"), "waits", "-3600000"});
  Call("renew", {"r2", "60000", "1", "1", "sdxl", "0"});
  EXPECT_TRUE(Write(claimed[0], {"give back", "DRAINED"}));
  EXPECT_THAT(Claim("r1", 9, {"pictograms"}, 60'000, 60'000), IsEmpty()) << "it is left to those who have the model";
}

TEST_F(RedisScriptsTest, AJobIsLeftByThoseWhoLoadAnotherModel) {
  Create("s", {.model = "sdxl"});
  Create("p");
  is_loading_ = true;
  EXPECT_THAT(ClaimedIds("r1"), ElementsAre("p")) << "the model is there";
  is_loading_ = false;
  EXPECT_THAT(ClaimedIds("r1"), ElementsAre("s"));
}

TEST_F(RedisScriptsTest, ManyTenantsTakeTurnsInOneClaim) {
  for (int i = 0; i < 3; ++i) {
    Create(absl::StrCat("a", i), {.tenant = "a"});
    Create(absl::StrCat("b", i), {.tenant = "b", .weight = 2});
    Create(absl::StrCat("c", i), {.tenant = "c", .model = "sdxl"});
  }
  EXPECT_THAT(ClaimedIds("r1", 8, {"pictograms", "sdxl"}), ElementsAre("a0", "b0", "c0", "b1", "a1", "c1", "b2", "a2"));
}

TEST_F(RedisScriptsTest, AJobIsLeftByThoseWhoDoNotKnowItsModel) {
  could_load_ = {"sdxl"};
  Create("s", {.model = "sdxl"});
  Create("n", {.model = "new"});
  EXPECT_THAT(Claim("r1", 9, {"pictograms"}, 60'000, 0), SizeIs(1));
  EXPECT_THAT(Claim("r1", 9, {"pictograms"}, 60'000, 0), IsEmpty()) << "in an older replica, while others are replaced";
  EXPECT_THAT(ClaimedIds("r2", 9, {"new"}), ElementsAre("n"));
}

TEST_F(RedisScriptsTest, AModelThatNobodyCanLoadFailsItsJobs) {
  const auto renew = [this](const std::string& owner) { Call("renew", {owner, "60000", "1", "0", "1", "sdxl"}); };
  Create("s", {.model = "sdxl"});
  renew("r1");
  renew("r2");
  could_load_ = {};
  broken_ = {"sdxl"};
  EXPECT_THAT(ClaimedIds("r1"), IsEmpty()) << "r2 could";
  EXPECT_THAT(ClaimedIds("r2"), IsEmpty()) << "somebody may be on his way";
  PassWithoutAnybodyWhoKnows("sdxl", absl::Minutes(9));
  EXPECT_THAT(ClaimedIds("r2"), IsEmpty());
  renew("r3");
  could_load_ = {"sdxl"};
  broken_ = {};
  is_loading_ = true;
  EXPECT_THAT(ClaimedIds("r3"), IsEmpty()) << "he would be the one";
  could_load_ = {};
  broken_ = {"sdxl"};
  EXPECT_THAT(ClaimedIds("r3"), IsEmpty()) << "the time begins anew";
  PassWithoutAnybodyWhoKnows("sdxl", absl::Minutes(10));
  EXPECT_THAT(ClaimedIds("r2"), ElementsAre("s")) << "who takes it tells why it fails";
}

TEST_F(RedisScriptsTest, AModelThatNobodyHasHeardOfFailsItsJobs) {
  Create("s", {.model = "gone"});
  EXPECT_THAT(ClaimedIds("r1"), IsEmpty());
  PassWithoutAnybodyWhoKnows("gone", absl::Minutes(10));
  EXPECT_THAT(ClaimedIds("r1"), ElementsAre("s"));
  EXPECT_FALSE(Hash("totals").contains("unknown:gone"));
}

// Devices with one model serve other tenants than those with another.
TEST_F(RedisScriptsTest, WhatOneModelServesIsNoLossForThoseWhoWaitForAnother) {
  could_load_ = {};
  for (int i = 0; i < 6; ++i) {
    Create(absl::StrCat("b", i), {.tenant = "alone", .model = "turbo", .place = i});
    Create(absl::StrCat("m", i), {.tenant = "many", .place = i});
    Create(absl::StrCat("l", i), {.tenant = "late", .place = 100 + i});
  }
  std::vector<std::string> served;
  for (int i = 0; i < 6; ++i) {
    ClaimedIds("r2", 1, {"turbo"});
    served.push_back(ClaimedIds("r1", 1).at(0));
  }
  EXPECT_THAT(served, ElementsAre("m0", "l0", "m1", "l1", "m2", "l2"));
}

TEST_F(RedisScriptsTest, WhoSendsOneToAnIdleDeviceKeepsItsPlaceBeforeABusyOne) {
  could_load_ = {};
  for (int i = 0; i < 20; ++i) Create(absl::StrCat("z", i), {.tenant = "alone", .model = "sdxl", .place = i});
  EXPECT_THAT(ClaimedIds("r3", 20, {"sdxl"}), SizeIs(20));
  for (int i = 0; i < 3; ++i) {
    Create(absl::StrCat("a", i), {.tenant = "a", .place = i});
    Create(absl::StrCat("b", i), {.tenant = "b", .place = 10 + i});
  }
  EXPECT_THAT(ClaimedIds("r1", 1), ElementsAre("a0"));
  Create("y", {.tenant = "b", .model = "turbo"});
  EXPECT_THAT(ClaimedIds("r2", 1, {"turbo"}), ElementsAre("y"));
  EXPECT_THAT(ClaimedIds("r1", 4), ElementsAre("a1", "b0", "a2", "b1"));
}

// A device that stood still owes nobody anything.
TEST_F(RedisScriptsTest, WhoWaitsForAModelThatNobodyWantedIsOwedNothing) {
  could_load_ = {};
  for (int i = 0; i < 4; ++i) Create(absl::StrCat("o", i), {.tenant = "old", .place = i});
  EXPECT_THAT(ClaimedIds("r1"), SizeIs(4));
  for (int i = 0; i < 2; ++i) {
    Create(absl::StrCat("p", i), {.tenant = "old", .model = "turbo", .place = i});
    Create(absl::StrCat("n", i), {.tenant = "new", .model = "turbo", .place = 10 + i});
  }
  EXPECT_THAT(ClaimedIds("r2", 3, {"turbo"}), ElementsAre("n0", "p0", "n1"));
}

TEST_F(RedisScriptsTest, OfJobsThatLostTheirOwnersTwiceAnOwnerRunsOneAtATime) {
  for (const char* id : {"a", "b", "c"}) Create(id);
  for (const char* id : {"a", "b"}) Run({"HSET", absl::StrCat(kPrefix, "job:", id), "lost", "2"});
  const std::vector<Claimed> first = Claim("r1");
  ASSERT_THAT(first, SizeIs(2));
  EXPECT_EQ(first[0].id, "a");
  EXPECT_EQ(first[1].id, "c") << "those behind them are not held up";
  EXPECT_THAT(ClaimedIds("r1"), IsEmpty());
  EXPECT_THAT(ClaimedIds("r2"), ElementsAre("b"));
  Write(first[0], {"complete", "usage", "1"});
  Create("d");
  Run({"HSET", absl::StrCat(kPrefix, "job:d"), "lost", "2"});
  EXPECT_THAT(ClaimedIds("r1"), ElementsAre("d"));
}

// Its lease of the model has not run out.
TEST_F(RedisScriptsTest, AModelThatLeftAReplicaIsLoadedAnew) {
  Call("renew", {"r1", "60000", "1", "1", "sdxl", "0"});
  Create("s", {.model = "sdxl"});
  EXPECT_THAT(ClaimedIds("r2"), IsEmpty()) << "r1 has it";
  EXPECT_THAT(ClaimedIds("r1", 9, {"pictograms"}), ElementsAre("s"));
}

TEST_F(RedisScriptsTest, AJobThatWaitsIsToldHowLongFromHowLongOthersRan) {
  const auto eta = [this](const std::string& id) {
    const auto entry = Run({"XREVRANGE", absl::StrCat(kPrefix, "events:", id), "+", "-", "COUNT", "1"});
    const std::vector<RedisReply>& words = entry.list().at(0).list().at(1).list();
    for (size_t i = 0; i < words.size(); i += 2) {
      if (words[i].text() == "eta") return words[i + 1].number();
    }
    return int64_t{-1};
  };
  Create("a");
  EXPECT_EQ(eta("a"), -1) << "nothing has run yet";
  const Claimed ran = Claim("r1")[0];
  Write(ran, {"start", "started"});
  Run({"HINCRBY", absl::StrCat(kPrefix, "job:a"), "start", "-20000"});
  Write(ran, {"complete", "usage", "1", "usage", "1"});
  Create("b");
  EXPECT_EQ(eta("b"), 0) << "nothing runs";
  Write(Claim("r1")[0], {"start", "started"});
  for (const char* job : {"c", "d"}) Create(job);
  EXPECT_THAT(eta("c"), testing::AllOf(testing::Ge(20'000), testing::Lt(30'000)));
  EXPECT_THAT(eta("d"), testing::AllOf(testing::Ge(40'000), testing::Lt(60'000)));
  const std::vector<std::string> refused = Create("e", {.fleet_waiting = 0});
  EXPECT_EQ(refused[1], absl::StrCat(eta("c"))) << "then there is room";
}

TEST_F(RedisScriptsTest, SoManyFollowARunAndNoMore) {
  for (int i = 0; i < 257; ++i) Create(absl::StrCat("j", i), {.run = "same"});
  EXPECT_EQ(Run({"SCARD", absl::StrCat(kPrefix, "followers:j0")}).number(), 255);
  EXPECT_THAT(ClaimedIds("r1"), ElementsAre("j0", "j256"));
}

TEST_F(RedisScriptsTest, WhoLooksAtTheLineIsToldWhetherItsNextMoveIsAnnounced) {
  RedisConnection hears({.address = server_.address()});
  ASSERT_TRUE(hears.Connect().ok());
  ASSERT_TRUE(hears.Send({"SUBSCRIBE", absl::StrCat(kPrefix, "moved")}).ok());
  const auto announced = [&] { return Call("queue", {"r1"}).list().at(0).number() == 1; };
  EXPECT_TRUE(announced());
  Create("a");
  const absl::Time moved = absl::Now();
  Create("b");
  EXPECT_TRUE(!announced() || absl::Now() > moved + absl::Milliseconds(300)) << "not so soon after the first";
  while (!announced()) {
    ASSERT_LT(absl::Now(), moved + absl::Seconds(30));
    absl::SleepFor(absl::Milliseconds(10));
  }
  Create("c");
  Run({"PUBLISH", absl::StrCat(kPrefix, "moved"), "end"});
  std::vector<std::string> messages;
  while (messages.empty() || messages.back() != "end") {
    const auto reply = hears.Next();
    ASSERT_TRUE(reply.ok());
    if (!reply->has_value()) {
      ASSERT_TRUE(hears.Receive().ok());
    } else if ((*reply)->list().at(0).text() == "message") {
      messages.push_back((*reply)->list().at(2).text());
    }
  }
  EXPECT_THAT(messages, testing::AnyOf(ElementsAre("", "", "end"), ElementsAre("", "", "", "end")));
}

// Which replica is told of a job.
class AnnouncedWorkTest : public RedisScriptsTest {
 protected:
  AnnouncedWorkTest() {
    EXPECT_TRUE(hears_.Connect().ok());
    EXPECT_TRUE(hears_.Send({"PSUBSCRIBE", absl::StrCat(kPrefix, "work:*")}).ok());
    Next();
  }

  // Takes jobs, and has asked for more than there were.
  void Wait(const std::string& owner, std::vector<std::string> models) {
    std::vector<std::string> arguments = {owner, "60000", "1", absl::StrCat(models.size())};
    arguments.insert(arguments.end(), models.begin(), models.end());
    arguments.push_back("0");
    Call("renew", arguments);
    Claim(owner, 100, std::move(models));
  }

  // Since the last time.
  std::vector<std::string> Told() {
    EXPECT_TRUE(hears_.Send({"PING"}).ok());
    std::vector<std::string> owners;
    while (true) {
      const RedisReply reply = Next();
      if (reply.list().at(0).text() == "pong") return owners;
      owners.push_back(reply.list().at(2).text().substr(sizeof(kPrefix) - 1 + 5));
    }
  }

 private:
  RedisReply Next() {
    while (true) {
      const auto reply = hears_.Next();
      EXPECT_TRUE(reply.ok());
      if (!reply.ok()) return {};
      if (reply->has_value()) return **reply;
      EXPECT_TRUE(hears_.Receive().ok());
    }
  }

  RedisConnection hears_{{.address = server_.address()}};
};

TEST_F(AnnouncedWorkTest, OneThatWaitsAndHasTheModelIsTold) {
  Wait("r1", {"sdxl"});
  Wait("r2", {"pictograms"});
  Wait("r3", {"pictograms"});
  Create("a");
  EXPECT_THAT(Told(), ElementsAre("r2")) << "the one that has waited for the longest";
  Create("b");
  EXPECT_THAT(Told(), ElementsAre("r3")) << "r2 is coming";
  Create("c");
  EXPECT_THAT(Told(), IsEmpty()) << "both are coming";
  EXPECT_THAT(ClaimedIds("r2"), SizeIs(3));
  Create("d");
  EXPECT_THAT(Told(), ElementsAre("r2")) << "it has room for more";
}

TEST_F(AnnouncedWorkTest, WhoRanASuspectMayTakeTheNext) {
  Wait("r1", {"pictograms"});
  for (const char* id : {"a", "b"}) {
    Create(id);
    Run({"HSET", absl::StrCat(kPrefix, "job:", id), "lost", "2"});
  }
  const std::vector<Claimed> claimed = Claim("r1");
  ASSERT_THAT(claimed, SizeIs(1));
  Told();
  Write(claimed[0], {"complete", "usage", "1"});
  EXPECT_THAT(Told(), ElementsAre("r1"));
  EXPECT_THAT(ClaimedIds("r1"), ElementsAre("b"));
}

TEST_F(AnnouncedWorkTest, WhoIsFullIsNotTold) {
  Wait("r1", {"pictograms"});
  Create("a");
  Told();
  EXPECT_THAT(ClaimedIds("r1", 1), ElementsAre("a"));
  Create("b");
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(AnnouncedWorkTest, AnybodyIsToldOfWhatNobodyHas) {
  Wait("r1", {"sdxl"});
  Create("a");
  EXPECT_THAT(Told(), ElementsAre("r1"));
}

TEST_F(AnnouncedWorkTest, WhoTakesNoJobsAnyMoreIsPassedOver) {
  Wait("r1", {"pictograms"});
  Wait("r2", {"pictograms"});
  Call("renew", {"r1", "60000", "0", "1", "pictograms", "0"});
  Create("a");
  EXPECT_THAT(Told(), ElementsAre("r2"));
}

TEST_F(AnnouncedWorkTest, WhoGivesAJobBackIsNotToldOfIt) {
  Wait("r1", {"pictograms"});
  Create("a");
  Told();
  const Claimed job = Claim("r1")[0];
  Wait("r2", {"pictograms"});
  Write(job, {"give back", "DRAINED"});
  EXPECT_THAT(Told(), ElementsAre("r2"));
}

TEST_F(AnnouncedWorkTest, WhoCannotRunAJobIsNotToldOfIt) {
  Wait("r1", {"pictograms"});
  Wait("r2", {"pictograms"});
  Create("a");
  EXPECT_THAT(Told(), ElementsAre("r1"));
  const Claimed job = Claim("r1")[0];
  Wait("r3", {"pictograms"});
  Write(job, {"unable", "usage", "1", "status", ""});
  EXPECT_THAT(Told(), ElementsAre("r2"));
  Write(Claim("r2")[0], {"unable", "usage", "1", "status", ""});
  EXPECT_THAT(Told(), ElementsAre("r3"));
  Create("b");
  EXPECT_THAT(Told(), ElementsAre("r1")) << "it is told of others";
}

TEST_F(AnnouncedWorkTest, WhoHasAcceptedAJobIsToldThatAnotherCannotRunIt) {
  Wait("r1", {"pictograms"});
  Wait("r2", {"pictograms"});
  Call("renew", {"r3", "60000", "1", "0", "1", "pictograms"});  // could load it
  Create("a", {.accepted_by = "r3"});
  EXPECT_THAT(Told(), ElementsAre("r1"));
  Write(Claim("r1")[0], {"unable", "usage", "1", "status", ""});
  EXPECT_THAT(Told(), UnorderedElementsAre("r2", "r3"));
  EXPECT_THAT(ClaimedIds("r3", 100, {}), ElementsAre("a"))
      << "at once: it is not known that those who have the model can";
}

TEST_F(RedisScriptsTest, WhatOneCannotRunIsLeftToOthers) {
  for (const char* owner : {"r1", "r2", "r3"}) Call("renew", {owner, "60000", "1", "1", "pictograms", "0"});
  Create("a", {.place = 1, .accepted_by = "r1"});
  Create("b", {.place = 2});
  const Claimed job = Claim("r1", 1)[0];
  Write(job, {"checkpoint", "7", "usage"});
  EXPECT_FALSE(Write(job, {"unable", "usage", "1", "status", "JOB_DAMAGED"})) << "it has not failed";
  EXPECT_THAT(Events("a"), ElementsAre("1 queued", "2 requeued"));
  EXPECT_THAT(ClaimedIds("r1"), ElementsAre("b")) << "those behind it are not held up";
  EXPECT_FALSE(Write(Claim("r2", 1)[0], {"unable", "usage", "1", "status", "JOB_DAMAGED"}));
  EXPECT_THAT(ClaimedIds("r2"), IsEmpty());
  EXPECT_EQ(Run({"LLEN", absl::StrCat(kPrefix, "dead")}).number(), 0);
  const Claimed last = Claim("r3", 1)[0];
  EXPECT_EQ(last.id, "a");
  EXPECT_EQ(Hash("checkpoint:a")["step"], "7");
  EXPECT_TRUE(Write(last, {"unable", "usage", "1", "status", "JOB_DAMAGED"})) << "nobody is left";
  EXPECT_EQ(Field("a", "state"), "failed");
  EXPECT_EQ(Field("a", "error"), "status");
  EXPECT_EQ(Run({"LLEN", absl::StrCat(kPrefix, "dead")}).number(), 1);
}

// Were all to try, what is wrong everywhere would be everybody's work.
TEST_F(RedisScriptsTest, WhatThreeCannotRunIsForWhoAcceptedIt) {
  for (const char* owner : {"r1", "r2", "r3", "r4", "r5"}) Call("renew", {owner, "60000", "1", "1", "pictograms", "0"});
  Create("a", {.place = 1, .accepted_by = "r5"});
  Create("b", {.place = 2});
  for (const char* owner : {"r1", "r2", "r3"}) {
    const Claimed job = Claim(owner, 1)[0];
    ASSERT_EQ(job.id, "a");
    EXPECT_FALSE(Write(job, {"unable", "usage", "1", "status", ""}));
  }
  EXPECT_THAT(ClaimedIds("r4", 1), ElementsAre("b"));
  const Claimed last = Claim("r5", 1)[0];
  EXPECT_EQ(last.id, "a");
  EXPECT_TRUE(Write(last, {"unable", "usage", "1", "status", ""}));
  EXPECT_EQ(Field("a", "state"), "failed");
}

// It may come back, perhaps by another name.
TEST_F(RedisScriptsTest, WhoAcceptedAJobThatOthersCannotRunIsWaitedFor) {
  Call("renew", {"r1", "60000", "1", "1", "pictograms", "0"});
  for (const char* id : {"a", "b"}) {
    Create(id, {.accepted_by = "gone"});
    EXPECT_FALSE(Write(Claim("r1")[0], {"unable", "usage", "1", "status", ""}));
  }
  EXPECT_THAT(ClaimedIds("r1"), IsEmpty());
  Call("renew", {"new", "60000", "1", "1", "pictograms", "0"});
  EXPECT_THAT(ClaimedIds("new", 1), ElementsAre("a"));
  Call("renew", {"new", "60000", "0", "1", "pictograms", "0"});
  Run({"HINCRBY", absl::StrCat(kPrefix, "job:b"), "unable_since", "-600000"});
  const std::vector<Claimed> again = Claim("r1");
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_TRUE(Write(again[0], {"unable", "usage", "1", "status", ""}));
  EXPECT_EQ(Field("b", "state"), "failed");
}

TEST_F(RedisScriptsTest, OfJobsThatOneCannotRunABoundedNumberIsPassedBy) {
  for (const char* owner : {"r1", "r2"}) Call("renew", {owner, "60000", "1", "1", "pictograms", "0"});
  for (int i = 0; i < 64; ++i) Create(absl::StrCat("a", i), {.place = i});
  for (const Claimed& job : Claim("r1")) Write(job, {"unable", "usage", "1", "status", ""});
  Create("b", {.place = 100});
  EXPECT_THAT(ClaimedIds("r1"), IsEmpty());
  EXPECT_THAT(ClaimedIds("r2", 1), ElementsAre("a0"));
  EXPECT_THAT(ClaimedIds("r1"), ElementsAre("b"));
}

// As an older version has made it.
TEST_F(RedisScriptsTest, AJobOfNobodyThatCannotBeRunFailsWhenAllHaveTried) {
  for (const char* owner : {"r1", "r2"}) Call("renew", {owner, "60000", "1", "1", "pictograms", "0"});
  Create("a");
  Run({"HDEL", absl::StrCat(kPrefix, "job:a"), "accepted_by"});
  EXPECT_FALSE(Write(Claim("r1")[0], {"unable", "usage", "1", "status", ""}));
  EXPECT_THAT(ClaimedIds("r1"), IsEmpty());
  EXPECT_TRUE(Write(Claim("r2")[0], {"unable", "usage", "1", "status", ""}));
  EXPECT_EQ(Field("a", "state"), "failed");
}

TEST_F(RedisScriptsTest, WhatCouldNotBeRunIsNoPartOfAShare) {
  for (const char* owner : {"r1", "r2"}) Call("renew", {owner, "60000", "1", "1", "pictograms", "0"});
  Create("a", {.tenant = "unlucky", .place = 1, .work = 200});
  Create("b", {.tenant = "other", .place = 3});
  Create("c", {.tenant = "unlucky", .place = 4});
  Create("d", {.tenant = "other", .place = 5});
  Write(Claim("r1", 1)[0], {"unable", "usage", "1", "status", ""});
  EXPECT_THAT(ClaimedIds("r2"), ElementsAre("b", "a", "d", "c"));
}

// Else it would wait until its deadline.
TEST_F(RedisScriptsTest, WhatOneCannotRunIsHisAgainWhenTheOthersHaveLeft) {
  for (const char* owner : {"r1", "r2"}) Call("renew", {owner, "60000", "1", "1", "pictograms", "0"});
  Create("a", {.accepted_by = "r1"});
  Write(Claim("r1")[0], {"unable", "usage", "1", "status", ""});
  EXPECT_THAT(ClaimedIds("r1"), IsEmpty());
  Call("renew", {"r2", "60000", "0", "1", "pictograms", "0"});
  const std::vector<Claimed> again = Claim("r1");
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_TRUE(Write(again[0], {"unable", "usage", "1", "status", ""}));
  EXPECT_EQ(Field("a", "state"), "failed");
  ExpectNothingIsLeft();
}

TEST_F(RedisScriptsTest, AnOwnerThatIsNotHeardOfLosesItsJobs) {
  Create("a");
  const Claimed first = Claim("r1", 9, {"pictograms"}, 1)[0];
  Call("take", {first.id, first.token});
  Write(first, {"start", "started"});
  Write(first, {"checkpoint", "3", "usage", "0", "state"});
  absl::SleepFor(absl::Milliseconds(5));
  EXPECT_THAT(Call("reap", {"100", "60000"}).list(), SizeIs(1));
  EXPECT_EQ(Field("a", "state"), "queued");
  EXPECT_THAT(Events("a"), ElementsAre("1 queued", "2 event started", "3 requeued"));
  const Claimed second = Claim("r2")[0];
  EXPECT_EQ(second.lost, 1);
  EXPECT_GT(std::stoi(second.token), std::stoi(first.token));
  EXPECT_EQ(Hash("checkpoint:a")["row:0"], "state");
  EXPECT_TRUE(Write(second, {"complete", "usage", "1"}));
  ExpectNothingIsLeft();
}

TEST_F(RedisScriptsTest, WhoHasNotTakenAJobInIsNotSaidToHaveDiedOfIt) {
  Create("a");
  const Claimed first = Claim("r1", 9, {"pictograms"}, 1)[0];
  absl::SleepFor(absl::Milliseconds(5));
  Call("reap", {"100", "60000"});
  EXPECT_TRUE(Call("take", {first.id, first.token}).is_nil()) << "it is not his any more";
  EXPECT_EQ(Claim("r2")[0].lost, 0);
}

TEST_F(RedisScriptsTest, WhenNobodyCouldLookAfterLeasesTheyBeginAnew) {
  Create("a");
  Call("reap", {"100", "60"});
  const Claimed job = Claim("r1", 9, {"pictograms"}, 60)[0];
  absl::SleepFor(absl::Milliseconds(100));
  Call("reap", {"100", "60"});
  EXPECT_TRUE(Write(job, {"start", "started"})) << "nobody looked for longer than a lease";
  EXPECT_GT(Run({"ZSCORE", absl::StrCat(kPrefix, "leases"), "a"}).number(), 0);
}

TEST_F(RedisScriptsTest, AClaimWhoseAnswerIsLostIsRepeated) {
  Create("a");
  Create("b");
  const auto claim = [&](const std::string& number) {
    return Call("claim", {"r1", number, "60000", "1", "60000", "1", "1", "pictograms", "0"}).list();
  };
  const auto first = claim("7");
  ASSERT_THAT(first, SizeIs(1));
  const auto again = claim("7");
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].list()[0].text(), "a");
  EXPECT_EQ(again[0].list()[1].text(), first[0].list()[1].text());
  Call("stop", {"a", "cancel", "CALLER", "status"});
  EXPECT_THAT(claim("7"), IsEmpty()) << "it is not his any more";
  const auto next = claim("8");
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(next[0].list()[0].text(), "b");
}

TEST_F(RedisScriptsTest, IdsWithoutAJobAreInNobodysWay) {
  Create("gone");
  const Claimed gone = Claim("r1", 9, {"pictograms"}, 1)[0];
  Create("waits");
  Create("b");
  Run({"DEL", absl::StrCat(kPrefix, "job:", gone.id), absl::StrCat(kPrefix, "job:waits")});
  Run({"ZADD", absl::StrCat(kPrefix, "deadlines"), "1", gone.id});
  absl::SleepFor(absl::Milliseconds(5));
  EXPECT_THAT(Call("reap", {"100", "60000"}).list(), SizeIs(1));
  EXPECT_THAT(ClaimedIds("r2"), ElementsAre("b"));
}

TEST_F(RedisScriptsTest, AShareThatMakesNoDifferenceIsForgotten) {
  for (int i = 0; i < 20; ++i) {
    Create(absl::StrCat("a", i), {.tenant = absl::StrCat("tenant", i), .work = 100});
    Write(Claim("r1")[0], {"complete", "usage", "100"});
  }
  Create("a", {.tenant = "tenant0", .work = 10'000});
  Claim("r1");
  Create("b", {.tenant = "tenant1", .work = 10'000});
  Claim("r1");
  EXPECT_LE(Run({"ZCARD", absl::StrCat(kPrefix, "shares")}).number(), 2);
}

TEST_F(RedisScriptsTest, OfJobsThatHaveEndedTheOldestOfWhoHoldsTheMostMakeRoom) {
  const auto make = [&](const std::string& id, const std::string& tenant, size_t size) {
    Create(id, {.tenant = tenant, .request_id = "r" + id, .job_bytes = 19'500});
    const Claimed job = Claim("r1")[0];
    Write(job, {"output", "0", "1", "an output", std::string(size, 'x')});
    Write(job, {"complete", "usage", "1"});
  };
  // As if it had ended long ago.
  const auto age = [&](const std::string& tenant) {
    const RedisReply entries = Run({"ZRANGE", absl::StrCat(kPrefix, "ended:", tenant), "0", "-1"});
    for (const RedisReply& entry : entries.list()) {
      Run({"ZINCRBY", absl::StrCat(kPrefix, "ended:", tenant), "-100000", entry.text()});
    }
  };
  make("small", "other", 500);
  age("other");
  make("a", "shop", 1000);
  age("shop");
  make("b", "shop", 1000);
  make("c", "shop", 1000);
  EXPECT_EQ(Field("a", "state"), "") << "the oldest of the one that holds the most";
  for (const char* key : {"events:a", "output:a:0", "request:shop:ra"}) {
    EXPECT_EQ(Run({"EXISTS", absl::StrCat(kPrefix, key)}).number(), 0) << key;
  }
  make("d", "shop", 1000);
  EXPECT_EQ(Field("b", "state"), "completed") << "it has just ended";
  age("shop");
  make("e", "shop", 100);
  EXPECT_EQ(Field("b", "state"), "");
  EXPECT_EQ(Field("small", "state"), "completed");
  for (const char* id : {"small", "c", "d", "e"}) Call("forget", {id});
  for (const char* key : {"kept", "expiries", "ended:shop", "ended:other"}) {
    EXPECT_EQ(Run({"EXISTS", absl::StrCat(kPrefix, key)}).number(), 0) << key;
  }
}

TEST_F(RedisScriptsTest, AnEndedJobWhoseKeyIsGoneIsInNobodysWay) {
  Create("a", {.job_bytes = 1});
  Write(Claim("r1")[0], {"complete", "usage", "1"});
  Run({"DEL", absl::StrCat(kPrefix, "job:a")});
  const RedisReply entries = Run({"ZRANGE", absl::StrCat(kPrefix, "ended:shop"), "0", "-1"});
  Run({"ZINCRBY", absl::StrCat(kPrefix, "ended:shop"), "-100000", entries.list().at(0).text()});
  Create("b", {.job_bytes = 1});
  EXPECT_TRUE(Write(Claim("r1")[0], {"complete", "usage", "1"}));
  EXPECT_EQ(Run({"ZCARD", absl::StrCat(kPrefix, "expiries")}).number(), 1);
}

TEST_F(RedisScriptsTest, AnEndWhoseAnswerWasLostIsStillItsOwners) {
  Create("a");
  const Claimed job = Claim("r1")[0];
  const std::vector<std::string> end = {"a", job.token, "1", "0", "complete", "usage", "1"};
  EXPECT_TRUE(Call("own", end).is_list());
  EXPECT_EQ(Call("own", end).number(), 1);
  EXPECT_EQ(Call("own", {"a", job.token, "2", "1", "complete", "usage", "1"}).number(), 0);
  EXPECT_THAT(Events("a"), ElementsAre("1 queued", "2 completed"));
}

TEST_F(RedisScriptsTest, PreviewsAreKeptAndCounted) {
  Create("a");
  const Claimed job = Claim("r1")[0];
  Write(job, {"progress", "0", "1", std::string(9000, 'p'), "usage", "1"});
  Write(job, {"progress", "0", "1", std::string(7000, 'p'), "usage", "1"});
  Write(job, {"complete", "usage", "1"});
  const int64_t kept = Run({"HGET", absl::StrCat(kPrefix, "kept"), "shop"}).number();
  EXPECT_GT(kept, 7000 + 4096);
  EXPECT_LT(kept, 7000 + 5000);
}

TEST_F(RedisScriptsTest, AnUploadWhoseKeyIsGoneIsInNobodysWay) {
  Run({"ZADD", absl::StrCat(kPrefix, "uploads"), "1", "abc:7:shop"});
  Create("a", {.timeout = 1});
  absl::SleepFor(absl::Milliseconds(5));
  EXPECT_THAT(Call("reap", {"100", "60000"}).list(), SizeIs(2));
  EXPECT_EQ(Run({"EXISTS", absl::StrCat(kPrefix, "uploads")}).number(), 0);
}

TEST_F(RedisScriptsTest, AFullRedisTakesWhatACancelledJobTook) {
  Create("a");
  const Claimed job = Claim("r1")[0];
  Write(job, {"start", "started"});
  Call("stop", {"a", "cancel", "CALLER", "status"});
  Run({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_TRUE(Write(job, {"usage", "in all", "7"}));
  EXPECT_EQ(Field("a", "used"), "7");
}

// Jobs that share a run.

TEST_F(RedisScriptsTest, AFollowerHearsAllThatItsLeaderMakes) {
  EXPECT_THAT(Create("a", {.run = "r"}), ElementsAre("created", "a"));
  const Claimed job = Claim("r1")[0];
  Write(job, {"start", "started"});
  Write(job, {"output", "0", "1", "first output", "bytes"});
  EXPECT_THAT(Create("b", {.outputs = 2, .run = "r"}), ElementsAre("shared", "b"));
  EXPECT_THAT(Create("c", {.tenant = "other", .run = "r"}), ElementsAre("created", "c"));
  EXPECT_EQ(Field("b", "state"), "running");
  EXPECT_EQ(Field("b", "work"), "0") << "it takes nothing of its tenant's";
  Write(job, {"progress", "1", "0", "step", "u", "5"});
  Call("own",
       {job.id, job.token, absl::StrCat(writes_ + 1), absl::StrCat(writes_), "complete", "usage", "100", "none", "1"});
  EXPECT_THAT(Events("b"),
              ElementsAre("1 queued", "2 event started", "3 event first output", "5 event step", "6 completed"));
  EXPECT_EQ(Field("b", "usage"), "none");
  EXPECT_EQ(Run({"GET", absl::StrCat(kPrefix, "output:b:0")}).text(), "bytes");
  EXPECT_GT(Run({"PTTL", absl::StrCat(kPrefix, "output:b:0")}).number(), 500'000);

  EXPECT_THAT(Create("late", {.outputs = 2, .run = "r"}), ElementsAre("shared", "late"));
  EXPECT_THAT(Events("late"), ElementsAre("1 queued", "2 event started", "3 event first output", "5 completed"));
  EXPECT_EQ(Call("forget", {"a"}).text(), "completed");
  EXPECT_THAT(Create("anew", {.run = "r"}), ElementsAre("created", "anew"));
}

// It would be copied at once, beyond all that the queue bounds.
TEST_F(RedisScriptsTest, WhatIsKeptIsCopiedForLaterOnesOnlyWhereThereIsRoom) {
  const int64_t bound = 25'000;
  Create("a", {.job_bytes = bound, .run = "r"});
  const Claimed job = Claim("r1")[0];
  Write(job, {"start", "started"});
  Write(job, {"output", "0", "1", "an output", std::string(5000, 'x')});
  Call("own",
       {job.id, job.token, absl::StrCat(writes_ + 1), absl::StrCat(writes_), "complete", "usage", "1", "none", "1"});
  EXPECT_THAT(Create("b", {.job_bytes = bound, .run = "r"}), ElementsAre("shared", "b"));
  EXPECT_THAT(Create("c", {.job_bytes = bound, .run = "r"}), ElementsAre("created", "c")) << "three of 9 kB do not fit";
  EXPECT_EQ(Field("c", "work"), "100") << "it runs by itself";
  EXPECT_THAT(Create("d", {.job_bytes = bound, .run = "r"}), ElementsAre("shared", "d"));
  EXPECT_EQ(Field("d", "follows"), "c");
}

TEST_F(RedisScriptsTest, ARunIsAsUrgentAsTheMostUrgentThatSharesIt) {
  Create("first");
  Create("a", {.run = "r"});
  EXPECT_THAT(Create("b", {.place = -3600, .run = "r"}), ElementsAre("shared", "b"));
  EXPECT_THAT(ClaimedIds("r1"), ElementsAre("a", "first"));
}

TEST_F(RedisScriptsTest, ARunStaysAsUrgentWhoeverLeadsIt) {
  Create("first");
  Create("a", {.run = "r"});
  for (const char* id : {"b", "c", "d"}) Create(id, {.run = "r"});
  Create("urgent", {.place = -3600, .run = "r"});
  Call("stop", {"a", "cancel", "CALLER", "status"});
  const auto ids = ClaimedIds("r1");
  ASSERT_THAT(ids, SizeIs(2));
  EXPECT_EQ(ids[1], "first");
}

TEST_F(RedisScriptsTest, OfModelsThatAreStillToComeOneIsTakenOn) {
  for (int i = 0; i < 2; ++i) {
    Create(absl::StrCat("s", i), {.model = "sdxl"});
    Create(absl::StrCat("t", i), {.model = "turbo"});
    Create(absl::StrCat("p", i));
  }
  EXPECT_THAT(ClaimedIds("r1"), ElementsAre("s0", "p0", "s1", "p1"));
  EXPECT_THAT(ClaimedIds("r2"), ElementsAre("t0", "t1"));
}

// Another would wait for the next third of a lease.
TEST_F(RedisScriptsTest, WhoCannotTakeAJobIsNotWokenForIt) {
  Claim("r2");
  is_loading_ = true;
  Claim("r1");
  EXPECT_THAT(Run({"ZRANGE", absl::StrCat(kPrefix, "idle"), "0", "-1"}).list(), SizeIs(1));
  EXPECT_THAT(Run({"ZRANGE", absl::StrCat(kPrefix, "idle:pictograms"), "0", "-1"}).list(), SizeIs(2));
}

TEST_F(RedisScriptsTest, AFollowerOfAJobThatWaitsAgainWaits) {
  Create("a", {.run = "r"});
  const Claimed job = Claim("r1")[0];
  Write(job, {"start", "started"});
  Write(job, {"give back", "DRAINED"});
  Create("b", {.run = "r"});
  EXPECT_EQ(Field("b", "state"), "queued");
  Write(Claim("r2")[0], {"start", "started again"});
  EXPECT_THAT(Events("b"), ElementsAre("1 queued", "2 event started again"));
}

TEST_F(RedisScriptsTest, WhenALeaderIsCancelledAFollowerGoesOnFromItsCheckpoint) {
  Create("a", {.run = "r"});
  const Claimed job = Claim("r1")[0];
  Create("b", {.run = "r"});
  Create("c", {.run = "r"});
  Write(job, {"start", "started"});
  Write(job, {"checkpoint", "3", "usage", "0", "state"});
  EXPECT_EQ(Call("stop", {"a", "cancel", "CALLER", "status"}).number(), 1);
  const auto next = Claim("r2");
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(Hash(absl::StrCat("checkpoint:", next[0].id))["row:0"], "state");
  EXPECT_EQ(Field(next[0].id, "work"), "100");
  Write(next[0], {"start", "started again"});
  EXPECT_TRUE(Write(next[0], {"complete", "usage", "1", "none", "1"}));
  for (const char* id : {"b", "c"}) {
    EXPECT_THAT(Events(id),
                ElementsAre("1 queued", "2 event started", "3 requeued", "4 event started again", "5 completed"));
  }
  EXPECT_THAT(Events("a"), ElementsAre("1 queued", "2 event started", "3 cancelled"));
  ExpectNothingIsLeft();
  EXPECT_EQ(Run({"EXISTS", absl::StrCat(kPrefix, "followers:b"), absl::StrCat(kPrefix, "followers:c")}).number(), 0);
}

TEST_F(RedisScriptsTest, AFollowerThatIsCancelledLeavesTheOthersAlone) {
  Create("a", {.run = "r"});
  Create("b", {.run = "r"});
  EXPECT_EQ(Call("stop", {"b", "cancel", "CALLER", "status"}).number(), 1);
  const Claimed job = Claim("r1")[0];
  EXPECT_EQ(job.id, "a");
  EXPECT_TRUE(Write(job, {"complete", "usage", "1", "none", "1"}));
  EXPECT_EQ(Field("b", "state"), "cancelled");
  ExpectNothingIsLeft();
}

TEST_F(RedisScriptsTest, WhatFailsIsNotSharedAnyMore) {
  Create("a", {.run = "r"});
  Create("b", {.run = "r"});
  EXPECT_TRUE(Write(Claim("r1")[0], {"fail", "usage", "1", "status", ""}));
  EXPECT_EQ(Field("b", "state"), "failed");
  EXPECT_THAT(Create("c", {.run = "r"}), ElementsAre("created", "c"));
  Write(Claim("r1")[0], {"complete", "usage", "1", "none", "0"});
  EXPECT_THAT(Create("d", {.run = "r"}), ElementsAre("created", "d")) << "not all of its outputs were made";
}

TEST_F(RedisScriptsTest, AnOwnerThatIsHeardOfKeepsThem) {
  Create("a");
  const Claimed job = Claim("r1", 9, {"pictograms"}, 1)[0];
  EXPECT_THAT(Call("renew", {"r1", "60000", "1", "1", "pictograms", "0", job.id, job.token}).list(), IsEmpty());
  absl::SleepFor(absl::Milliseconds(5));
  Call("reap", {"100", "60000"});
  EXPECT_TRUE(Write(job, {"start", "started"}));
}

// A paused owner that wakes, at each kind of write.
class FencedOutTest : public RedisScriptsTest, public testing::WithParamInterface<std::vector<std::string>> {};

TEST_P(FencedOutTest, WritesNothing) {
  Create("a");
  const Claimed old = Claim("r1", 9, {"pictograms"}, 1)[0];
  absl::SleepFor(absl::Milliseconds(5));
  Call("reap", {"100", "60000"});
  const auto unclaimed = Hash("job:a");
  EXPECT_FALSE(Write(old, GetParam())) << "while it waits";
  EXPECT_EQ(Hash("job:a"), unclaimed);

  const Claimed young = Claim("r2")[0];
  Write(young, {"start", "started"});
  Write(young, {"checkpoint", "1", "u", "0", "young state"});
  const auto running = Hash("job:a");
  const auto checkpoint = Hash("checkpoint:a");
  const auto events = Events("a");
  EXPECT_FALSE(Write(old, GetParam())) << "while another has it";
  EXPECT_EQ(Hash("job:a"), running);
  EXPECT_EQ(Hash("checkpoint:a"), checkpoint);
  EXPECT_EQ(Events("a"), events);

  Write(young, {"complete", "usage", "1"});
  const auto ended = Hash("job:a");
  EXPECT_FALSE(Write(old, GetParam())) << "after the end";
  EXPECT_EQ(Hash("job:a"), ended);
  EXPECT_EQ(Run({"EXISTS", absl::StrCat(kPrefix, "output:a:0")}).number(), 0);
  ExpectNothingIsLeft();
}

INSTANTIATE_TEST_SUITE_P(EachKindOfWrite, FencedOutTest,
                         testing::Values(std::vector<std::string>{"start", "e"},
                                         std::vector<std::string>{"progress", "0", "1", "e", "u", "5"},
                                         std::vector<std::string>{"output", "0", "1", "e", "bytes"},
                                         std::vector<std::string>{"usage", "u", "5"},
                                         std::vector<std::string>{"checkpoint", "9", "u", "0", "old state"},
                                         std::vector<std::string>{"complete", "u", "5"},
                                         std::vector<std::string>{"fail", "u", "5", "status", ""},
                                         std::vector<std::string>{"unable", "u", "5", "status", ""},
                                         std::vector<std::string>{"give back", "DRAINED"}));

TEST_F(RedisScriptsTest, AHeartbeatOfOneThatIsFencedOutRenewsNothing) {
  Create("a");
  const Claimed old = Claim("r1", 9, {"pictograms"}, 1)[0];
  absl::SleepFor(absl::Milliseconds(5));
  Call("reap", {"100", "60000"});
  Claim("r2", 9, {"pictograms"}, 1);
  const auto lost = Call("renew", {"r1", "60000", "1", "0", "0", old.id, old.token}).list();
  ASSERT_THAT(lost, SizeIs(2));
  EXPECT_EQ(lost[0].text(), "a");
  EXPECT_EQ(lost[1].text(), old.token);
  absl::SleepFor(absl::Milliseconds(5));
  Call("reap", {"100", "60000"});
  EXPECT_THAT(Claim("r3"), SizeIs(1)) << "the lease of r2 was not made longer";
}

TEST_F(RedisScriptsTest, WhatIsGivenBackWaitsAtItsOldPlace) {
  Create("a", {.place = 1});
  Create("b", {.place = 2});
  const Claimed job = Claim("r1", 1)[0];
  ASSERT_EQ(job.id, "a");
  Write(job, {"start", "started"});
  EXPECT_TRUE(Write(job, {"give back", "DRAINED"}));
  EXPECT_EQ(Hash("totals")["queued"], "2");
  EXPECT_EQ(Hash("totals")["running"], "0");
  const auto again = Claim("r2");
  ASSERT_THAT(again, SizeIs(2));
  EXPECT_EQ(again[0].id, "a");
  EXPECT_EQ(again[0].lost, 0);
}

TEST_F(RedisScriptsTest, ACancelEndsAJobWhoeverHasIt) {
  Create("waits");
  EXPECT_EQ(Call("stop", {"waits", "cancel", "CALLER", "status"}).number(), 1);
  EXPECT_EQ(Field("waits", "state"), "cancelled");
  Create("runs");
  const Claimed job = Claim("r1")[0];
  Write(job, {"start", "started"});
  Write(job, {"progress", "0", "0", "step 1", "so far", "5"});
  EXPECT_EQ(Call("stop", {"runs", "cancel", "CALLER", "status"}).number(), 1);
  EXPECT_FALSE(Write(job, {"complete", "usage", "9"}));
  EXPECT_EQ(Field("runs", "state"), "cancelled");
  EXPECT_EQ(Field("runs", "usage"), "so far");
  EXPECT_EQ(Call("stop", {"runs", "cancel", "CALLER", "status"}).number(), 0) << "it had ended";
  EXPECT_EQ(Call("stop", {"none", "cancel", "CALLER", "status"}).number(), 0);
  ExpectNothingIsLeft();
}

TEST_F(RedisScriptsTest, ADeadlineEndsAJobWhenItHasPassed) {
  Create("a", {.timeout = 1});
  Create("b", {.timeout = 60'000});
  absl::SleepFor(absl::Milliseconds(5));
  const auto due = Call("reap", {"100", "60000"}).list();
  ASSERT_THAT(due, SizeIs(2));
  EXPECT_EQ(due[1].text(), "a");
  EXPECT_EQ(Call("stop", {"a", "deadline", "", "too late"}).number(), 1);
  EXPECT_EQ(Call("stop", {"b", "deadline", "", "too late"}).number(), 0);
  EXPECT_EQ(Field("a", "state"), "failed");
  EXPECT_EQ(Field("a", "error"), "too late");
  EXPECT_EQ(Field("b", "state"), "queued");
}

TEST_F(RedisScriptsTest, OfProgressTheNewestStaysAndTheNewestWithAPreview) {
  Create("a", {.outputs = 2});
  const Claimed job = Claim("r1")[0];
  Write(job, {"progress", "0", "1", "0:1p", "u", "5"});
  Write(job, {"progress", "1", "0", "1:1", "u", "5"});
  Write(job, {"progress", "0", "0", "0:2", "u", "5"});
  Write(job, {"progress", "0", "0", "0:3", "u", "5"});
  EXPECT_THAT(Events("a"), ElementsAre("1 queued", "2 event 0:1p", "3 event 1:1", "5 event 0:3"));
  Write(job, {"progress", "0", "1", "0:4p", "u", "5"});
  EXPECT_THAT(Events("a"), ElementsAre("1 queued", "3 event 1:1", "6 event 0:4p"));
  Write(job, {"progress", "0", "0", "0:5", "u", "5"});
  EXPECT_THAT(Events("a"), ElementsAre("1 queued", "3 event 1:1", "6 event 0:4p", "7 event 0:5"));
}

TEST_F(RedisScriptsTest, AnOutputThatIsMadeAgainIsTheFirstOne) {
  Create("a");
  const Claimed job = Claim("r1")[0];
  Write(job, {"output", "0", "1", "first", "first bytes"});
  EXPECT_TRUE(Write(job, {"output", "0", "1", "second", "second bytes"}));
  EXPECT_EQ(Run({"GET", absl::StrCat(kPrefix, "output:a:0")}).text(), "first bytes");
  EXPECT_THAT(Events("a"), ElementsAre("1 queued", "2 event first"));
}

TEST_F(RedisScriptsTest, AWriteThatIsSentAgainIsWrittenOnce) {
  Create("a");
  const Claimed job = Claim("r1")[0];
  Write(job, {"start", "started"});
  EXPECT_EQ(Call("own", {job.id, job.token, "1", "0", "start", "started"}).number(), 1);
  EXPECT_EQ(Call("own", {job.id, job.token, "3", "2", "progress", "0", "0", "early", "u", "5"}).number(), 2);
  EXPECT_THAT(Events("a"), ElementsAre("1 queued", "2 event started"));
  const Claimed next = (Write(job, {"give back", "DRAINED"}), Claim("r2")[0]);
  EXPECT_EQ(Call("own", {next.id, next.token, "1", "0", "start", "again"}).number(), 1);
  EXPECT_THAT(Events("a"), ElementsAre("1 queued", "2 event started", "3 requeued", "4 event again"))
      << "the numbers are each owner's own";
}

TEST_F(RedisScriptsTest, ThoseThatWaitAreToldWhereTheyStandWhenItChanges) {
  Create("a", {.place = 1});
  Create("b", {.place = 2});
  Create("c", {.tenant = "other", .place = 3});
  EXPECT_EQ(Field("a", "told"), "0");
  EXPECT_EQ(Field("b", "told"), "1");
  EXPECT_EQ(Field("c", "told"), "1") << "tenants take turns";
  Claim("r1", 1);
  Call("positions", {"a", "b", "c"});
  Call("positions", {"a", "b", "c"});
  EXPECT_EQ(Field("b", "told"), "0");
  EXPECT_THAT(Events("b"), ElementsAre("1 queued", "2 queued")) << "once";
  EXPECT_THAT(Events("a"), ElementsAre("1 queued")) << "it does not wait any more";
}

TEST_F(RedisScriptsTest, EachReplicaTellsAnEqualPartOfWhatWaits) {
  const auto parts = [this](const std::string& owner) {
    std::map<std::string, std::pair<int64_t, int64_t>> own;
    const RedisReply reply = Call("queue", {owner});
    for (size_t i = 1; i < reply.list().size(); ++i) {
      const auto& part = reply.list()[i].list();
      own[part[0].text()] = {part[1].number(), part[2].number()};
    }
    return own;
  };
  const std::vector<std::string> replicas = {"r1", "r2", "r3"};
  for (const std::string& replica : replicas) Call("renew", {replica, "60000", "1", "1", "sdxl", "1", "pictograms"});
  for (int i = 0; i < 7; ++i) Create(absl::StrCat("j", i), {.tenant = i % 2 == 0 ? "shop" : "rival"});
  Create("other", {.model = "sdxl", .work = 50});
  std::map<std::string, std::pair<int64_t, int64_t>> sum;
  for (const std::string& replica : replicas) {
    for (const auto& [model, part] : parts(replica)) {
      sum[model].first += part.first;
      sum[model].second += part.second;
    }
  }
  EXPECT_EQ(parts("r1")["pictograms"].first, 3);
  EXPECT_EQ(parts("r2")["pictograms"].first, 2);
  EXPECT_EQ(sum["pictograms"], (std::pair<int64_t, int64_t>(7, 700)));
  EXPECT_EQ(sum["sdxl"], (std::pair<int64_t, int64_t>(1, 50)));

  Call("renew", {"r2", "60000", "0", "1", "sdxl", "1", "pictograms"});  // it takes no jobs any more
  EXPECT_THAT(parts("r2"), IsEmpty());
  EXPECT_EQ(parts("r1")["pictograms"].first + parts("r3")["pictograms"].first, 7);
  ClaimedIds("r1", 100, {"pictograms", "sdxl"});
  EXPECT_THAT(parts("r1"), IsEmpty()) << "what is claimed is its owner's to tell of";
}

TEST_F(RedisScriptsTest, AReplicaThatTakesNoJobsHasNoModels) {
  Call("renew", {"r1", "60000", "1", "1", "sdxl", "0"});
  Create("a", {.model = "sdxl"});
  EXPECT_THAT(ClaimedIds("r2"), IsEmpty()) << "another has it";
  Call("renew", {"r1", "60000", "0", "1", "sdxl", "0"});
  EXPECT_THAT(ClaimedIds("r2"), ElementsAre("a"));
}

TEST_F(RedisScriptsTest, WorkThatWasUnderWayIsBookedAfterTheEnd) {
  Create("a", {.work = 1000, .per_minute = 6'000'000});
  const Claimed old = Claim("r1")[0];
  Write(old, {"give back", "DRAINED"});
  const Claimed last = Claim("r2")[0];
  Write(last, {"start", "started"});
  Write(last, {"progress", "0", "0", "step 1", "some", "300"});
  Call("stop", {"a", "cancel", "CALLER", "status"});
  const double before = std::stod(Hash("use:shop")["taken"]);
  EXPECT_FALSE(Write(old, {"usage", "stale", "999"})) << "not the last owner";
  EXPECT_TRUE(Write(last, {"usage", "all", "450"}));
  EXPECT_TRUE(Write(last, {"usage", "all", "450"})) << "twice is once";
  EXPECT_FALSE(Write(last, {"progress", "0", "0", "late", "u", "5"})) << "nothing else";
  EXPECT_EQ(Field("a", "usage"), "all");
  EXPECT_NEAR(std::stod(Hash("use:shop")["taken"]) - before, 150, 1);
}

TEST_F(RedisScriptsTest, NothingOfATenantStaysForEver) {
  Create("a", {.request_id = "r", .per_minute = 1000});
  const std::string use = absl::StrCat(kPrefix, "use:shop");
  EXPECT_EQ(Run({"PTTL", use}).number(), -1) << "while it has jobs";
  const Claimed job = Claim("r1")[0];
  Write(job, {"start", "started"});
  Write(job, {"complete", "usage", "5000"});
  const int64_t kept = Run({"PTTL", use}).number();
  EXPECT_GT(kept, 4 * 60'000) << "until what it owes is made good";
  EXPECT_LT(kept, 7 * 60'000);
  Create("b");
  EXPECT_EQ(Run({"PTTL", use}).number(), -1);
  Call("stop", {"b", "cancel", "CALLER", "status"});
  for (const RedisReply& key : Run({"KEYS", "*shop*"}).list())
    EXPECT_GT(Run({"PTTL", key.text()}).number(), 0) << key.text();
}

TEST_F(RedisScriptsTest, AJobThatWaitsAgainIsToldItsPlaceAgain) {
  Create("a");
  const Claimed job = Claim("r1")[0];
  Write(job, {"start", "started"});
  Write(job, {"give back", "DRAINED"});
  Call("positions", {"a"});
  EXPECT_THAT(Events("a"), ElementsAre("1 queued", "2 event started", "3 requeued", "4 queued"));
}

TEST_F(RedisScriptsTest, TheListOfATenantsJobsDoesNotGrowForEver) {
  for (int i = 0; i < 20; ++i) {
    const std::string id = absl::StrCat("j", i);
    Create(id);
    Write(Claim("r1")[0], {"complete", "usage", "1"});
    const std::string entry = Field(id, "kept");
    Run({"ZADD", absl::StrCat(kPrefix, "expiries"), "1", entry});  // its time is over
    Run({"DEL", absl::StrCat(kPrefix, "job:", id)});
  }
  EXPECT_LE(Run({"ZCARD", absl::StrCat(kPrefix, "jobs:shop")}).number(), 2);
}

TEST_F(RedisScriptsTest, ModelsMayHaveColonsInTheirNames) {
  Create("a", {.tenant = "y", .model = "x"});
  Create("b", {.tenant = "z", .model = "x:y"});
  EXPECT_THAT(ClaimedIds("r1", 9, {"x", "x:y"}), UnorderedElementsAre("a", "b"));
}

TEST_F(RedisScriptsTest, WhatHasEndedCanBeForgotten) {
  Create("a", {.request_id = "r"});
  EXPECT_EQ(Call("forget", {"a"}).text(), "queued");
  const Claimed job = Claim("r1")[0];
  Write(job, {"output", "0", "1", "e", "bytes"});
  Write(job, {"fail", "usage", "1", "status", ""});
  EXPECT_EQ(Call("forget", {"a"}).text(), "failed");
  EXPECT_EQ(Call("forget", {"a"}).text(), "");
  for (const char* key : {"job:a", "events:a", "output:a:0", "request:shop:r", "jobs:shop"}) {
    EXPECT_EQ(Run({"EXISTS", absl::StrCat(kPrefix, key)}).number(), 0) << key;
  }
}

TEST_F(RedisScriptsTest, WhatKillsItsOwnersIsSetApart) {
  Create("a");
  const Claimed job = Claim("r1")[0];
  Write(job, {"fail", "usage", "1", "status", "REPLICAS_LOST"});
  const auto dead = Run({"LRANGE", absl::StrCat(kPrefix, "dead"), "0", "-1"}).list();
  ASSERT_THAT(dead, SizeIs(1));
  for (const char* part : {R"("job":"a")", R"("tenant":"shop")", R"("model":"pictograms")", R"("trace":"trace")"}) {
    EXPECT_THAT(dead[0].text(), testing::HasSubstr(part));
  }
  EXPECT_THAT(dead[0].text(), testing::HasSubstr("REPLICAS_LOST"));
}

TEST_F(RedisScriptsTest, ARestartedRedisGetsItsScriptsAgain) {
  Create("a");
  server_.Kill();
  server_.Start();
  EXPECT_FALSE(redis_.Run({"PING"}).ok()) << "the broken connection is noticed";
  EXPECT_THAT(ClaimedIds("r1"), ElementsAre("a"));
}

}  // namespace
}  // namespace latentd::store
