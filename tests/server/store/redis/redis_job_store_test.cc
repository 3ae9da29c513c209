// Two replicas on one Redis: whatever one is asked or does, the other knows.

#include "server/store/redis/redis_job_store.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/core/errors.h"
#include "server/core/system_clock.h"
#include "server/imaging/open_image.h"
#include "server/rpc/stored_jobs.h"
#include "server/store/job_record.h"
#include "server/store/redis/job_reader.h"
#include "server/store/redis/scripts.h"
#include "tests/server/core/test_requests.h"
#include "tests/server/engine/null_observer.h"
#include "tests/server/store/redis/redis_server.h"

namespace latentd::store {
namespace {

using core::JobState;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string ReasonOf(const absl::Status& status) { return core::GetErrorDetails(status).reason; }

// Waits for what another thread brings about.
class Signal {
 public:
  void Tell(const std::string& what) {
    const std::lock_guard lock(mutex_);
    told_.push_back(what);
    changed_.notify_all();
  }
  std::string Await() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(30), [this] { return !told_.empty(); }));
    if (told_.empty()) return "";
    std::string first = told_.front();
    told_.erase(told_.begin());
    return first;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> told_;
};

class Replica final : public core::WorkListener {
 public:
  Replica(const RedisAddress& address, core::Clock* clock, const core::JobCodec* codec, RedisJobStoreOptions options)
      : clock_(clock) {
    options.address = address;
    options.clock = clock;
    options.codec = codec;
    store_ = std::make_unique<RedisJobStore>(options);
    store_->SetListener(this);
  }
  ~Replica() override {
    store_->SetListener(nullptr);
    store_.reset();
  }

  void OnWorkAvailable() override { work_.Tell("work"); }
  void OnJobEnded(const core::Claim& claim) override { ended_.Tell(claim.job); }

  RedisJobStore& store() { return *store_; }

  // The next job, once there is one.
  core::ClaimedJob ClaimOne() {
    store_->Offer({.jobs = 1, .models = {"pictograms"}});
    return AwaitOne();
  }
  core::ClaimedJob AwaitOne() {
    while (true) {
      std::vector<core::ClaimedJob> jobs = store_->Claim(1);
      if (!jobs.empty()) {
        claims_.insert_or_assign(jobs[0].name, jobs[0].claim());
        return jobs[0];
      }
      if (work_.Await().empty()) return {};
    }
  }
  // The last claim of a job here.
  core::Claim Of(const std::string& name) const { return claims_.at(name); }
  void Flush() { EXPECT_TRUE(store_->Flush(clock_->Now() + absl::Seconds(30))); }
  std::string AwaitEnded() { return ended_.Await(); }

 private:
  core::Clock* const clock_;
  Signal work_, ended_;
  std::map<std::string, core::Claim> claims_;
  std::unique_ptr<RedisJobStore> store_;
};

// Reads a job's events to its end, or as many as are asked for.
class Reader {
 public:
  Reader(RedisJobStore& store, const std::string& job, int64_t after = 0)
      : watch_(store.OpenWatch(job, after, [this] { ready_.Tell("ready"); }).value()) {}

  std::vector<core::Event> Read(size_t count = 1000) {
    std::vector<core::Event> events;
    while (events.size() < count) {
      absl::StatusOr<std::optional<core::Event>> next = watch_->Next();
      if (!next.ok()) {
        error_ = next.status();
        return events;
      }
      if (next->has_value()) {
        events.push_back(**next);
        if (events.back().terminal()) return events;
      } else if (ready_.Await().empty()) {
        return events;
      }
    }
    return events;
  }
  const absl::Status& error() const { return error_; }

 private:
  Signal ready_;
  absl::Status error_;
  std::unique_ptr<core::Watch> watch_;
};

std::vector<std::string> Kinds(const std::vector<core::Event>& events) {
  static const char* const names[] = {"queued", "started",   "requeued", "progress", "output",
                                      "chunk",  "completed", "failed",   "cancelled"};
  std::vector<std::string> kinds;
  kinds.reserve(events.size());
  for (const core::Event& event : events) kinds.push_back(absl::StrCat(event.sequence, " ", names[event.kind.index()]));
  return kinds;
}

class RedisJobStoreTest : public testing::Test {
 protected:
  std::unique_ptr<Replica> MakeReplica(RedisJobStoreOptions options = {}) {
    return std::make_unique<Replica>(server_.address(), &clock_, &codec_, std::move(options));
  }

  static core::Output Picture(int index, const std::string& bytes) {
    return {.index = index,
            .seed = 7 + index,
            .media_type = "image/png",
            .width = 64,
            .height = 64,
            .sha256 = "hash",
            .data = std::make_shared<const std::string>(bytes)};
  }

  core::SystemClock clock_;
  rpc::StoredJobs codec_{imaging::OpenImage};
  RedisServer server_;
  std::unique_ptr<Replica> one_ = MakeReplica();
  std::unique_ptr<Replica> two_ = MakeReplica();
};

TEST_F(RedisJobStoreTest, AJobThatOneTakesIsRunByTheOtherAndReadAtEither) {
  core::RequestFields fields = core::TestFields();
  fields.labels = {{"user", "7"}};
  const absl::StatusOr<core::Job> created =
      one_->store().Create(core::TestRequest(fields), {.tenant = "shop", .trace_id = "t"});
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->state, JobState::kQueued);
  EXPECT_EQ(created->request->prompt(), "a red apple");
  Reader at_one(one_->store(), created->name), at_two(two_->store(), created->name);

  const core::ClaimedJob job = two_->ClaimOne();
  EXPECT_EQ(job.name, created->name);
  EXPECT_EQ(job.tenant, "shop");
  EXPECT_EQ(job.request->steps(), 25);
  EXPECT_EQ(job.request->seed(), created->request->seed());
  two_->store().OnStarted(two_->Of(job.name), {.seed = 7, .warnings = {{.reason = "PROMPT_TRUNCATED"}}});
  two_->store().OnProgress(two_->Of(job.name), {.output_index = 0, .step = 1, .total_steps = 25});
  two_->store().OnOutput(two_->Of(job.name), Picture(0, std::string(2'500'000, 'x')));
  two_->store().OnCompleted(two_->Of(job.name), {.evaluations = 25, .pixel_evaluations = 100});

  const std::vector<core::Event> events = at_one.Read();
  EXPECT_THAT(Kinds(events), ElementsAre("1 queued", "2 started", "3 progress", "4 output", "5 chunk", "6 chunk",
                                         "7 chunk", "8 completed"));
  EXPECT_THAT(Kinds(at_two.Read()), testing::IsSupersetOf({"1 queued", "2 started", "8 completed"}));
  const absl::StatusOr<core::Job> ended = one_->store().Get(job.name);
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->state, JobState::kCompleted);
  EXPECT_EQ(ended->usage->evaluations, 25);
  EXPECT_EQ(ended->warnings.at(0).reason, "PROMPT_TRUNCATED");
  EXPECT_EQ(ended->last_sequence, 8);
  EXPECT_EQ(ended->outputs.at(0).seed, 7);
  EXPECT_TRUE(ended->expire_time.has_value());
  EXPECT_EQ(one_->store().GetOutput(job.name, 0)->data->size(), 2'500'000u);
  EXPECT_EQ(one_->store().TenantOf(job.name).value(), "shop");
}

TEST_F(RedisJobStoreTest, StepsThatFollowAtOnceAreNotWrittenOneByOne) {
  const std::string name = one_->store().Create(core::TestRequest(), {})->name;
  one_->ClaimOne();
  const core::Claim claim = one_->Of(name);
  one_->store().OnStarted(claim, {});
  const absl::Time begin = absl::Now();
  for (int step = 1; step <= 1000; ++step) {
    one_->store().OnUsage(claim, {.evaluations = step});
    one_->store().OnProgress(claim, {.step = step});
  }
  one_->store().OnProgress(claim, {.step = 1001, .preview = core::ImagePreview{}});
  one_->Flush();
  const double intervals = absl::FDivDuration(absl::Now() - begin, absl::Milliseconds(200));
  const core::Job job = *two_->store().Get(name);
  EXPECT_GE(job.last_sequence, 3) << "queued, started, the preview";
  EXPECT_LE(static_cast<double>(job.last_sequence), 5 + intervals);
  EXPECT_EQ(job.usage->evaluations, 1000) << "it goes along";
  one_->store().OnCompleted(claim, {});
}

TEST_F(RedisJobStoreTest, AReaderGoesOnWhereItWasAtAnotherReplica) {
  const std::string name = one_->store().Create(core::TestRequest(), {})->name;
  one_->ClaimOne();
  one_->store().OnStarted(one_->Of(name), {});
  one_->store().OnOutput(one_->Of(name), Picture(0, std::string(2'500'000, 'x')));
  one_->store().OnCompleted(one_->Of(name), {});
  one_->Flush();
  EXPECT_THAT(Kinds(Reader(two_->store(), name, 4).Read()), ElementsAre("5 chunk", "6 chunk", "7 completed"));
  EXPECT_THAT(Kinds(Reader(two_->store(), name, 6).Read()), ElementsAre("7 completed"));
  EXPECT_THAT(Kinds(Reader(two_->store(), name, 7).Read()), ElementsAre("7 completed")) << "every reader sees an end";
  EXPECT_THAT(Kinds(Reader(two_->store(), name, 99).Read()), ElementsAre("7 completed"));
}

TEST_F(RedisJobStoreTest, AReaderGetsTheBytesOfEachOutput) {
  core::RequestFields fields = core::TestFields();
  fields.num_images = 2;
  const std::string name = one_->store().Create(core::TestRequest(fields), {})->name;
  std::string bytes[2] = {std::string(2'500'000, 'a'), std::string(1'500'000, 'b')};
  for (size_t i = 0; i < 2; ++i) {
    for (size_t at = 0; at < bytes[i].size(); at += 1000) bytes[i][at] = static_cast<char>('0' + at / 1000 % 10);
  }
  Reader from_the_beginning(two_->store(), name);
  one_->ClaimOne();
  one_->store().OnStarted(one_->Of(name), {});
  for (int i = 0; i < 2; ++i) one_->store().OnOutput(one_->Of(name), Picture(i, bytes[i]));
  one_->store().OnCompleted(one_->Of(name), {});
  std::string read[2];
  for (const core::Event& event : from_the_beginning.Read()) {
    if (const auto* output = std::get_if<core::Output>(&event.kind)) {
      EXPECT_EQ(*output->data, bytes[output->index]);
    } else if (const auto* chunk = std::get_if<core::OutputChunk>(&event.kind)) {
      EXPECT_EQ(static_cast<size_t>(chunk->offset), read[chunk->index].size());
      read[chunk->index] += chunk->data->substr(chunk->offset, chunk->size);
    }
  }
  EXPECT_EQ(read[0], bytes[0]);
  EXPECT_EQ(read[1], bytes[1]);
  // In the middle of the first: number 3, its pieces 4 to 6.
  const auto rest = Reader(two_->store(), name, 4).Read();
  EXPECT_THAT(Kinds(rest), ElementsAre("5 chunk", "6 chunk", "7 output", "8 chunk", "9 chunk", "10 completed"));
  const auto& chunk = std::get<core::OutputChunk>(rest[0].kind);
  EXPECT_EQ(chunk.offset, core::EventLog::kChunkBytes);
  EXPECT_EQ(*chunk.data, bytes[0]);
}

TEST_F(RedisJobStoreTest, AnEndTellsHowLongTheJobWaited) {
  const std::string name = one_->store().Create(core::TestRequest(), {})->name;
  absl::SleepFor(absl::Milliseconds(50));
  one_->ClaimOne();
  one_->store().OnStarted(one_->Of(name), {});
  one_->store().OnCompleted(one_->Of(name), {.evaluations = 25});
  const auto events = Reader(two_->store(), name).Read();
  const core::Usage usage = std::get<core::Completed>(events.back().kind).usage;
  EXPECT_EQ(usage.evaluations, 25);
  EXPECT_GE(usage.queue_time, absl::Milliseconds(50));
  EXPECT_EQ(usage.queue_time, two_->store().Get(name)->usage->queue_time);
  const std::string waits = one_->store().Create(core::TestRequest(), {})->name;
  absl::SleepFor(absl::Milliseconds(50));
  one_->store().Cancel(waits, "CALLER").IgnoreError();
  const auto cancelled = Reader(two_->store(), waits).Read();
  EXPECT_GE(std::get<core::Cancelled>(cancelled.back().kind).usage.queue_time, absl::Milliseconds(50));
}

TEST_F(RedisJobStoreTest, ATimeoutIsNoticedWhenItIsOver) {
  core::RequestFields fields = core::TestFields();
  fields.timeout = absl::Seconds(1);
  one_ = nullptr;
  const auto patient = MakeReplica({.lease = absl::Minutes(1)});
  two_ = nullptr;
  const absl::Time begin = absl::Now();
  const std::string name = patient->store().Create(core::TestRequest(fields), {})->name;
  const auto events = Reader(patient->store(), name).Read();
  EXPECT_TRUE(std::holds_alternative<core::Failed>(events.back().kind));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10)) << "and not with the next third of a lease";
}

TEST_F(RedisJobStoreTest, WhatIsClaimedWhileItDrainsIsGivenBack) {
  for (int i = 0; i < 20; ++i) {
    const auto leaves = MakeReplica();
    const std::string name = two_->store().Create(core::TestRequest(), {})->name;
    leaves->store().Offer({.jobs = 1, .models = {"pictograms"}});
    leaves->store().Drain();
    leaves->store().GiveUpAll("DRAINED");
    leaves->Flush();
    RedisConnection redis({.address = server_.address()});
    EXPECT_EQ(redis.Run({"HEXISTS", absl::StrCat("{latentd}:job:", JobId(name)), "owner"})->number(), 0);
    two_->store().Cancel(name, "CALLER").IgnoreError();
  }
}

TEST_F(RedisJobStoreTest, WhatIsGivenBackIsTakenUpByTheOther) {
  const std::string name = one_->store().Create(core::TestRequest(), {})->name;
  one_->ClaimOne();
  one_->store().OnStarted(one_->Of(name), {});
  one_->store().OnOutput(one_->Of(name), Picture(0, "first"));
  core::Checkpoint checkpoint{.step = 11, .usage = {.evaluations = 11}};
  checkpoint.rows[1] = std::make_shared<const std::string>("the state\0of a row", 18);
  one_->store().OnHandedBack(one_->Of(name), "DRAINED", checkpoint);
  one_->store().OnProgress(one_->Of(name), {.step = 12});  // nobody's any more

  const core::ClaimedJob job = two_->ClaimOne();
  EXPECT_EQ(job.name, name);
  EXPECT_EQ(job.checkpoint.step, 11);
  EXPECT_EQ(job.checkpoint.usage.evaluations, 11);
  EXPECT_EQ(*job.checkpoint.rows.at(1), std::string("the state\0of a row", 18));
  EXPECT_THAT(job.outputs, ElementsAre(0));
  two_->store().OnStarted(two_->Of(name), {});
  two_->store().OnCompleted(two_->Of(name), {});
  const auto events = Reader(one_->store(), name).Read();
  EXPECT_THAT(Kinds(events),
              ElementsAre("1 queued", "2 started", "3 output", "4 chunk", "5 requeued", "6 started", "7 completed"));
  EXPECT_EQ(std::get<core::Requeued>(events[4].kind).resume_step, 11);
}

TEST_F(RedisJobStoreTest, WhatOneCannotRunIsRunByTheOther) {
  std::vector<std::string> told;
  one_ = MakeReplica({.on_unable = [&](const std::string& job, const absl::Status& status) {
    told.push_back(absl::StrCat(job, ": ", status.message()));
  }});
  const std::string before = one_->store().Create(core::TestRequest(), {})->name;
  two_->ClaimOne();  // it is known that the other has the model
  const std::string name = one_->store().Create(core::TestRequest(), {})->name;
  one_->ClaimOne();
  one_->store().OnUnable(one_->Of(name), absl::NotFoundError("the adapter sketch is not here"),
                         {.step = 11, .usage = {.evaluations = 11}});
  EXPECT_THAT(told, ElementsAre(absl::StrCat(name, ": the adapter sketch is not here")));
  const core::ClaimedJob job = two_->ClaimOne();
  EXPECT_EQ(job.name, name);
  EXPECT_EQ(job.checkpoint.usage.evaluations, 11);
  two_->store().OnUnable(job.claim(), absl::NotFoundError("the adapter sketch is not there either"), job.checkpoint);
  const auto events = Reader(one_->store(), name).Read();
  EXPECT_THAT(Kinds(events), ElementsAre("1 queued", "2 requeued", "3 failed"));
  EXPECT_EQ(std::get<core::Requeued>(events[1].kind).reason, "UNABLE");
  EXPECT_EQ(std::get<core::Failed>(events[2].kind).status.message(), "the adapter sketch is not there either");
  EXPECT_EQ(one_->store().Get(name)->usage->evaluations, 11);
  two_->store().OnCompleted(two_->Of(before), {});
}

// As a newer server writes one: with a field that this one has not.
TEST_F(RedisJobStoreTest, AJobOfANewerVersionIsLeftToIt) {
  const std::string name = one_->store().Create(core::TestRequest(), {})->name;
  RedisConnection redis({.address = server_.address()});
  const std::string job = absl::StrCat("{latentd}:job:", JobId(name));
  const std::string known = redis.Run({"HGET", job, "request"})->text();
  const std::string unknown("\xfa\x7f\x03new", 6);  // number 2047, of three bytes
  ASSERT_TRUE(redis.Run({"HSET", job, "request", known + unknown}).ok());
  EXPECT_EQ(two_->store().Get(name)->request->prompt(), "a red apple") << "it can be looked at";
  // The newer one.
  ASSERT_TRUE(redis.Run({"ZADD", "{latentd}:knows:pictograms", "9999999999999", "newer"}).ok());
  Reader reader(two_->store(), name);
  one_->store().Offer({.jobs = 1, .models = {"pictograms"}});
  EXPECT_THAT(Kinds(reader.Read(2)), ElementsAre("1 queued", "2 requeued"));
  ASSERT_TRUE(redis.Run({"ZREM", "{latentd}:knows:pictograms", "newer"}).ok());
  two_->store().Offer({.jobs = 1, .models = {"pictograms"}});
  const auto events = reader.Read();
  ASSERT_FALSE(events.empty());
  ASSERT_TRUE(std::holds_alternative<core::Failed>(events.back().kind)) << "there is none";
  EXPECT_EQ(ReasonOf(std::get<core::Failed>(events.back().kind).status), "JOB_OF_NEWER_VERSION");
  EXPECT_EQ(redis.Run({"LLEN", "{latentd}:dead"})->number(), 1);
}

TEST_F(RedisJobStoreTest, AReplicaThatDiesLosesNoJob) {
  auto mortal = MakeReplica({.lease = absl::Milliseconds(300)});
  one_ = nullptr;
  two_ = nullptr;
  const std::string name = mortal->store().Create(core::TestRequest(), {})->name;
  mortal->ClaimOne();
  mortal->store().OnStarted(mortal->Of(name), {});
  mortal->Flush();
  mortal = nullptr;  // without a word
  auto heir = MakeReplica({.lease = absl::Milliseconds(300)});
  EXPECT_EQ(heir->ClaimOne().name, name);
  heir->store().OnStarted(heir->Of(name), {});
  heir->store().OnCompleted(heir->Of(name), {});
  EXPECT_THAT(Kinds(Reader(heir->store(), name).Read()),
              ElementsAre("1 queued", "2 started", "3 requeued", "4 started", "5 completed"));
}

TEST_F(RedisJobStoreTest, AJobThatKillsItsReplicasIsGivenUp) {
  one_ = nullptr;
  two_ = nullptr;
  std::string name;
  const RedisJobStoreOptions options{.lease = absl::Milliseconds(200), .max_losses = 2};
  for (int i = 0; i < 2; ++i) {
    auto mortal = MakeReplica(options);
    if (i == 0) name = mortal->store().Create(core::TestRequest(), {})->name;
    EXPECT_EQ(mortal->ClaimOne().name, name);
  }
  auto last = MakeReplica(options);
  last->store().Offer({.jobs = 1, .models = {"pictograms"}});
  const auto events = Reader(last->store(), name).Read();
  ASSERT_TRUE(std::holds_alternative<core::Failed>(events.back().kind));
  EXPECT_EQ(ReasonOf(std::get<core::Failed>(events.back().kind).status), "REPLICAS_LOST");
  EXPECT_EQ(ReasonOf(last->store().Get(name)->error), "REPLICAS_LOST");
  const std::string next = last->store().Create(core::TestRequest(), {})->name;
  EXPECT_EQ(last->AwaitOne().name, next) << "what was not handed out takes no room";
}

// Nobody could renew a lease meanwhile, and nobody is to blame.
TEST_F(RedisJobStoreTest, NobodyLosesAJobToAnOutageOfRedis) {
  one_ = nullptr;
  two_ = nullptr;
  const RedisJobStoreOptions options{.lease = absl::Milliseconds(1500)};
  auto owner = MakeReplica(options);
  auto other = MakeReplica(options);
  const std::string name = owner->store().Create(core::TestRequest(), {})->name;
  owner->ClaimOne();
  owner->store().OnStarted(owner->Of(name), {});
  owner->Flush();
  server_.Kill();
  absl::SleepFor(absl::Seconds(2));
  server_.Start();
  other->store().Offer({.jobs = 1, .models = {"pictograms"}});
  absl::SleepFor(absl::Seconds(2));
  owner->store().OnCompleted(owner->Of(name), {});
  EXPECT_THAT(Kinds(Reader(other->store(), name).Read()), ElementsAre("1 queued", "2 started", "3 completed"));
}

// What is said of the first claim is not said of the second, and the engine is told that it is over.
TEST_F(RedisJobStoreTest, AJobThatAReplicaLosesToItselfIsAnotherClaim) {
  one_ = nullptr;
  two_ = nullptr;
  auto replica = MakeReplica({.lease = absl::Milliseconds(300)});
  const std::string name = replica->store().Create(core::TestRequest(), {})->name;
  const core::Claim first = replica->ClaimOne().claim();
  replica->store().OnStarted(first, {});
  replica->Flush();
  // As a reaper would do it that saw the lease end.
  RedisConnection redis({.address = server_.address(), .greeting = LoadScripts()});
  ASSERT_TRUE(redis.Run({"ZADD", "{latentd}:leases", "1", JobId(name)}).ok());
  ASSERT_TRUE(redis.Run(CallScript("reap", "{latentd}:", {"10", "600000"})).ok());
  const core::Claim second = replica->ClaimOne().claim();
  EXPECT_EQ(second.job, name);
  EXPECT_NE(second.token, first.token);
  EXPECT_EQ(replica->AwaitEnded(), name);
  replica->store().OnOutput(first, Picture(0, "of the first"));
  replica->store().OnCompleted(first, {});
  replica->store().OnStarted(second, {});
  replica->store().OnCompleted(second, {});
  EXPECT_THAT(Kinds(Reader(replica->store(), name).Read()),
              ElementsAre("1 queued", "2 started", "3 requeued", "4 started", "5 completed"));
}

TEST_F(RedisJobStoreTest, WhatIsLeftAtTheEndOfADrainIsGivenBackAndNotCancelled) {
  const std::string name = one_->store().Create(core::TestRequest(), {})->name;
  one_->ClaimOne();
  one_->store().OnStarted(one_->Of(name), {});
  one_->store().Drain();
  one_->store().GiveUpAll("DRAINED");
  one_->Flush();
  EXPECT_EQ(two_->ClaimOne().name, name);
  EXPECT_EQ(two_->store().Get(name)->state, JobState::kQueued);
}

TEST_F(RedisJobStoreTest, AFullRedisRefusesNewJobsAndLetsThoseItHasEnd) {
  const std::string runs = one_->store().Create(core::TestRequest(), {})->name;
  const std::string waits = one_->store().Create(core::TestRequest(), {})->name;
  const std::string cancelled = one_->store().Create(core::TestRequest(), {})->name;
  one_->ClaimOne();
  one_->store().OnStarted(one_->Of(runs), {});
  one_->Flush();
  RedisConnection redis({.address = server_.address()});
  ASSERT_TRUE(redis.Run({"CONFIG", "SET", "maxmemory", "1"}).ok());
  EXPECT_EQ(ReasonOf(one_->store().Create(core::TestRequest(), {}).status()), "JOB_STORE_FULL");
  EXPECT_EQ(one_->store().Cancel(cancelled, "CALLER")->state, JobState::kCancelled);
  one_->store().OnOutput(one_->Of(runs), Picture(0, "picture"));
  one_->store().OnCompleted(one_->Of(runs), {});
  one_->Flush();
  EXPECT_EQ(two_->store().Get(runs)->state, JobState::kCompleted);
  EXPECT_EQ(two_->ClaimOne().name, waits);
}

TEST_F(RedisJobStoreTest, ACancelReachesTheReplicaThatRuns) {
  const std::string name = one_->store().Create(core::TestRequest(), {})->name;
  two_->ClaimOne();
  two_->store().OnStarted(two_->Of(name), {});
  two_->Flush();
  const absl::StatusOr<core::Job> cancelled = one_->store().Cancel(name, "CALLER");
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  EXPECT_EQ(cancelled->state, JobState::kCancelled);
  EXPECT_EQ(two_->AwaitEnded(), name);
  two_->store().OnCompleted(two_->Of(name), {});
  two_->Flush();
  EXPECT_EQ(one_->store().Get(name)->state, JobState::kCancelled);
  EXPECT_EQ(ReasonOf(one_->store().Get(name)->error), "JOB_CANCELLED");
  EXPECT_EQ(one_->store().Cancel(name, "CALLER")->state, JobState::kCancelled) << "one that had ended stays";
}

TEST_F(RedisJobStoreTest, ADeadlineEndsAJobWhoeverHasIt) {
  core::RequestFields fields = core::TestFields();
  fields.timeout = absl::Seconds(1);
  const std::string name = one_->store().Create(core::TestRequest(fields), {})->name;
  const auto events = Reader(two_->store(), name).Read();
  ASSERT_TRUE(std::holds_alternative<core::Failed>(events.back().kind));
  EXPECT_EQ(ReasonOf(std::get<core::Failed>(events.back().kind).status), "JOB_TIMEOUT");
}

TEST_F(RedisJobStoreTest, PicturesTravelWithTheirRequest) {
  auto request = std::make_shared<const core::GenerationRequest>(*core::TestRequest());
  core::RequestFields fields = request->fields();
  fields.adapters = {{.kind = core::AdapterKind::kControlNet, .name = "pose"}};
  const std::string latent_file = "not a picture, and not opened here";
  fields.adapters[0].image = core::InputImage{.data = std::make_shared<const std::string>(latent_file),
                                              .sha256 = std::string(64, 'a'),
                                              .width = 8,
                                              .height = 8};
  rpc::StoredJobs codec([](core::Blob file, std::string sha256) -> absl::StatusOr<core::InputImage> {
    return core::InputImage{.data = std::move(file), .sha256 = std::move(sha256), .width = 8, .height = 8};
  });
  Replica a(server_.address(), &clock_, &codec, {}), b(server_.address(), &clock_, &codec, {});
  const auto created = a.store().Create(core::GenerationRequest::Restore(fields, request->guided()), {});
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->request->adapters()[0].image->data, nullptr) << "it is shown by its hash";
  EXPECT_EQ(created->request->adapters()[0].image->sha256, std::string(64, 'a'));
  const core::ClaimedJob job = b.ClaimOne();
  ASSERT_NE(job.request->adapters()[0].image->data, nullptr);
  EXPECT_EQ(*job.request->adapters()[0].image->data, latent_file);
}

TEST_F(RedisJobStoreTest, ListsArePagedAndFiltered) {
  std::vector<std::string> names;
  for (int i = 0; i < 70; ++i) {
    core::RequestFields fields = core::TestFields();
    fields.labels = {{"odd", absl::StrCat(i % 2)}};
    names.push_back(one_->store().Create(core::TestRequest(fields), {.tenant = "shop"})->name);
  }
  one_->store().Create(core::TestRequest(), {.tenant = "rival"}).IgnoreError();
  core::ListOptions options{.tenant = "shop", .page_size = 20};
  std::vector<std::string> listed;
  int pages = 0;
  do {
    const absl::StatusOr<core::JobPage> page = two_->store().List(options);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const core::Job& job : page->jobs) listed.push_back(job.name);
    options.page_token = page->next_page_token;
    ++pages;
  } while (!options.page_token.empty());
  EXPECT_EQ(pages, 4);
  std::reverse(listed.begin(), listed.end());
  EXPECT_EQ(listed, names) << "the newest first";
  EXPECT_THAT(two_->store().List({.tenant = "shop", .page_size = 1000, .labels = {{"odd", "1"}}})->jobs, SizeIs(35));
  EXPECT_THAT(two_->store().List({.tenant = "shop", .states = {JobState::kRunning}})->jobs, IsEmpty());
  EXPECT_THAT(two_->store().List({.tenant = "nobody"})->jobs, IsEmpty());
  one_->store().Create(core::TestRequest(), {}).IgnoreError();
  EXPECT_THAT(two_->store().List({})->jobs, SizeIs(1)) << "where nobody is asked who he is";
}

TEST_F(RedisJobStoreTest, LimitsAreTheFleets) {
  const auto limits = [](const std::string&) { return core::TenantLimits{.max_jobs = 2}; };
  auto a = MakeReplica({.tenant_limits = limits}), b = MakeReplica({.tenant_limits = limits});
  EXPECT_TRUE(a->store().Create(core::TestRequest(), {}).ok());
  EXPECT_TRUE(b->store().Create(core::TestRequest(), {}).ok());
  EXPECT_EQ(ReasonOf(a->store().Create(core::TestRequest(), {}).status()), "QUOTA_EXCEEDED");
  EXPECT_EQ(ReasonOf(b->store().Create(core::TestRequest(), {}).status()), "QUOTA_EXCEEDED");
  auto small = MakeReplica({.max_queued_jobs = 2});
  EXPECT_EQ(ReasonOf(small->store().Create(core::TestRequest(), {}).status()), "QUEUE_FULL");
}

TEST_F(RedisJobStoreTest, RequestIdsAreTheFleets) {
  const core::CreateOptions id{.tenant = "a", .request_id = "r", .request_fingerprint = "1"};
  const std::string name = one_->store().Create(core::TestRequest(), id)->name;
  EXPECT_EQ(two_->store().Create(core::TestRequest(), id)->name, name);
  EXPECT_EQ(ReasonOf(two_->store()
                         .Create(core::TestRequest(), {.tenant = "a", .request_id = "r", .request_fingerprint = "2"})
                         .status()),
            "REQUEST_ID_REUSED");
}

TEST_F(RedisJobStoreTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(ReasonOf(one_->store().Get("jobs/none").status()), "JOB_NOT_FOUND");
  EXPECT_EQ(ReasonOf(one_->store().Cancel("jobs/none", "CALLER").status()), "JOB_NOT_FOUND");
  EXPECT_EQ(ReasonOf(one_->store().Delete("jobs/none")), "JOB_NOT_FOUND");
  EXPECT_EQ(ReasonOf(one_->store().TenantOf("jobs/none").status()), "JOB_NOT_FOUND");
  EXPECT_EQ(ReasonOf(one_->store().OpenWatch("jobs/none", 0, [] {}).status()), "JOB_NOT_FOUND");
  const std::string name = one_->store().Create(core::TestRequest(), {})->name;
  EXPECT_EQ(ReasonOf(one_->store().GetOutput(name, 0).status()), "OUTPUT_NOT_READY");
  EXPECT_EQ(ReasonOf(one_->store().GetOutput(name, 9).status()), "OUTPUT_NOT_FOUND");
  EXPECT_EQ(ReasonOf(one_->store().Delete(name)), "JOB_NOT_ENDED");
}

TEST_F(RedisJobStoreTest, ADeletedJobEndsItsWatches) {
  const std::string name = one_->store().Create(core::TestRequest(), {})->name;
  one_->store().Cancel(name, "CALLER").IgnoreError();
  Reader reader(two_->store(), name);
  EXPECT_THAT(reader.Read(1), SizeIs(1));
  EXPECT_TRUE(one_->store().Delete(name).ok());
  EXPECT_EQ(one_->store().Get(name).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RedisJobStoreTest, WithoutRedisCallersAreToldAndRunningJobsGoOn) {
  const std::string name = one_->store().Create(core::TestRequest(), {})->name;
  one_->ClaimOne();
  one_->store().OnStarted(one_->Of(name), {});
  one_->Flush();
  Reader reader(two_->store(), name);
  EXPECT_THAT(reader.Read(2), SizeIs(2));
  server_.Kill();
  EXPECT_EQ(ReasonOf(one_->store().Create(core::TestRequest(), {}).status()), "JOB_STORE_UNAVAILABLE");
  EXPECT_EQ(ReasonOf(one_->store().Get(name).status()), "JOB_STORE_UNAVAILABLE");
  one_->store().OnOutput(one_->Of(name), Picture(0, "made meanwhile"));
  one_->store().OnCompleted(one_->Of(name), {});
  server_.Start();
  EXPECT_THAT(Kinds(reader.Read()), ElementsAre("3 output", "4 chunk", "5 completed"));
  EXPECT_EQ(*two_->store().GetOutput(name, 0)->data, "made meanwhile");
}

// Keeps what it was told last.
class LastWord final : public engine::NullObserver {
 public:
  void OnJobAdmitted(const std::string&) override { Add(&Counts::admitted, 1); }
  void OnJobStarted(const std::string&, absl::Duration) override { Add(&Counts::running, 1); }
  void OnJobRequeued(const std::string&) override { Add(&Counts::running, -1); }
  void OnJobEnded(const std::string&, JobState from, JobState, absl::Duration) override {
    if (from == JobState::kRunning) Add(&Counts::running, -1);
    Add(&Counts::ended, 1);
  }
  void OnQueuedWork(const std::string&, int64_t jobs, int64_t pixel_steps) override {
    const std::lock_guard lock(mutex_);
    counts_.queued = jobs;
    counts_.pixel_steps = pixel_steps;
  }

  struct Counts {
    int64_t admitted = 0, running = 0, ended = 0, queued = 0, pixel_steps = 0;
  };
  Counts counts() {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  void Add(int64_t Counts::*count, int64_t amount) {
    const std::lock_guard lock(mutex_);
    counts_.*count += amount;
  }

  std::mutex mutex_;
  Counts counts_;
};

// Waits for what replicas learn of each other by themselves.
bool Eventually(const std::function<bool()>& condition) {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (!condition()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

TEST_F(RedisJobStoreTest, WhoWaitsIsToldHisPlaceAtEveryReplica) {
  std::vector<std::string> names;
  names.reserve(3);
  for (int i = 0; i < 3; ++i) names.push_back(one_->store().Create(core::TestRequest(), {})->name);
  Reader at_two(two_->store(), names[2]);
  const auto first = at_two.Read(1);
  EXPECT_EQ(std::get<core::Queued>(first.at(0).kind).position, 2);
  one_->ClaimOne();
  const auto second = at_two.Read(1);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(std::get<core::Queued>(second[0].kind).position, 1);
  two_->store().Cancel(names[1], "CALLER").IgnoreError();
  const auto third = at_two.Read(1);
  ASSERT_EQ(third.size(), 1u);
  EXPECT_EQ(std::get<core::Queued>(third[0].kind).position, 0);
}

TEST_F(RedisJobStoreTest, WhoComesLaterIsToldHisPresentPlace) {
  const std::string before = one_->store().Create(core::TestRequest(), {})->name;
  const std::string name = one_->store().Create(core::TestRequest(), {})->name;
  one_->store().Cancel(before, "CALLER").IgnoreError();
  const auto events = Reader(two_->store(), name).Read(2);
  EXPECT_EQ(std::get<core::Queued>(events.at(0).kind).position, 1);
  EXPECT_EQ(std::get<core::Queued>(events.at(1).kind).position, 0);
}

TEST_F(RedisJobStoreTest, WhatReplicasTellAddsUpToTheFleets) {
  one_ = nullptr;
  two_ = nullptr;
  // They would have their parts until their leases end.
  ASSERT_TRUE(RedisConnection({.address = server_.address()}).Run({"FLUSHALL"}).ok());
  LastWord seen[2];
  const auto a = MakeReplica({.observer = &seen[0], .lease = absl::Seconds(2)});
  const auto b = MakeReplica({.observer = &seen[1], .lease = absl::Seconds(2)});
  for (const auto* replica : {&a, &b}) (*replica)->store().Offer({.jobs = 0, .other_models = {"pictograms"}});
  const int64_t work = PixelSteps(*core::TestRequest());
  for (int i = 0; i < 5; ++i) a->store().Create(core::TestRequest(), {}).IgnoreError();
  const auto waits = [&](int64_t at_a, int64_t at_b) {
    return Eventually([&] {
      return seen[0].counts().queued == at_a && seen[1].counts().queued == at_b &&
             seen[0].counts().pixel_steps + seen[1].counts().pixel_steps == (at_a + at_b) * work;
    });
  };
  EXPECT_TRUE(Eventually([&] {
    const int64_t at_a = seen[0].counts().queued, at_b = seen[1].counts().queued;
    return at_a + at_b == 5 && at_a >= 2 && at_b >= 2;
  }));
  EXPECT_EQ(seen[0].counts().admitted, 5) << "by the one that took them";
  const std::string name = a->ClaimOne().name;
  EXPECT_TRUE(waits(3, 2)) << "two each, and the one that it has claimed";
  a->store().OnStarted(a->Of(name), {});
  EXPECT_TRUE(waits(2, 2));
  EXPECT_EQ(seen[0].counts().running, 1);
  b->store().Drain();
  EXPECT_TRUE(waits(4, 0));

  b->store().Cancel(name, "CALLER").IgnoreError();
  EXPECT_TRUE(Eventually([&] { return seen[0].counts().running == 0; }));
  EXPECT_EQ(seen[0].counts().ended + seen[1].counts().ended, 1) << "once, by whom it was ended";
  const std::string moved = a->ClaimOne().name;
  a->store().OnStarted(a->Of(moved), {});
  a->store().OnHandedBack(a->Of(moved), "DRAINED", {});
  a->Flush();
  EXPECT_EQ(seen[0].counts().running, 0);
  EXPECT_TRUE(waits(4, 0));
  EXPECT_EQ(seen[0].counts().ended, 0);
}

TEST_F(RedisJobStoreTest, AJobsEndIsLoggedOnceAsWhatItIs) {
  std::mutex mutex;
  std::vector<core::Job> logged;
  const auto on_ended = [&](const core::Job& job) {
    const std::lock_guard lock(mutex);
    logged.push_back(job);
  };
  one_ = nullptr;
  two_ = nullptr;
  auto a = MakeReplica({.on_ended = on_ended}), b = MakeReplica({.on_ended = on_ended});
  const std::string name = a->store().Create(core::TestRequest(), {})->name;
  b->ClaimOne();
  b->store().OnStarted(b->Of(name), {});
  b->Flush();
  a->store().Cancel(name, "CALLER").IgnoreError();
  EXPECT_EQ(b->AwaitEnded(), name);
  b->store().OnUsage(b->Of(name), {.evaluations = 9, .pixel_evaluations = 900});  // what was under way
  b->Flush();
  EXPECT_EQ(a->store().Get(name)->usage->evaluations, 9);
  core::RequestFields fields = core::TestFields();
  fields.timeout = absl::Seconds(1);
  const std::string late = a->store().Create(core::TestRequest(fields), {})->name;
  Reader(b->store(), late).Read();
  EXPECT_TRUE(Eventually([&] {
    const std::lock_guard lock(mutex);
    return logged.size() == 2;
  }));
  ASSERT_THAT(logged, SizeIs(2));
  EXPECT_EQ(logged[0].name, name);
  EXPECT_EQ(logged[0].state, JobState::kCancelled);
  EXPECT_TRUE(logged[0].usage.has_value());
  EXPECT_EQ(logged[1].name, late);
  EXPECT_EQ(logged[1].state, JobState::kFailed);
}

TEST_F(RedisJobStoreTest, AJobThatCouldNeverBeTakenIsTooLarge) {
  auto small = MakeReplica({.max_pending_bytes = 1000});
  EXPECT_EQ(ReasonOf(small->store().Create(core::TestRequest(), {}).status()), "JOB_TOO_LARGE");
}

TEST_F(RedisJobStoreTest, ADrainingReplicaTakesAndClaimsNothing) {
  one_->store().Drain();
  EXPECT_EQ(ReasonOf(one_->store().Create(core::TestRequest(), {}).status()), "DRAINING");
  const std::string name = two_->store().Create(core::TestRequest(), {})->name;
  one_->store().Offer({.jobs = 1, .models = {"pictograms"}});
  EXPECT_EQ(two_->ClaimOne().name, name);
}

}  // namespace
}  // namespace latentd::store
