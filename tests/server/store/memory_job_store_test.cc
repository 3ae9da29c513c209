#include "server/store/memory_job_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/store/job_record.h"
#include "tests/server/store/store_fixture.h"

namespace latentd::store {
namespace {

using core::JobState;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class MockObserver : public core::Observer {
 public:
  MOCK_METHOD(void, OnJobAdmitted, (const std::string&), (override));
  MOCK_METHOD(void, OnJobRefused, (const std::string&), (override));
  MOCK_METHOD(void, OnJobRequeued, (const std::string&), (override));
  MOCK_METHOD(void, OnJobStarted, (const std::string&, absl::Duration), (override));
  MOCK_METHOD(void, OnJobEnded, (const std::string&, JobState, JobState, absl::Duration), (override));
  MOCK_METHOD(void, OnQueuedWork, (const std::string&, int64_t, int64_t), (override));
  MOCK_METHOD(void, OnStageRun, (const core::StageRun&), (override));
  MOCK_METHOD(void, OnImage, (const std::string&), (override));
  MOCK_METHOD(void, OnFlaggedImage, (const std::string&), (override));
  MOCK_METHOD(void, OnAdapters, (const core::AdapterChange&), (override));
  MOCK_METHOD(void, OnEncodeCache, (bool), (override));
  MOCK_METHOD(void, OnDeviceMemory, (int64_t, int64_t), (override));
};

TEST(MemoryJobStoreTest, JobGoesFromQueuedToCompleted) {
  StoreFixture f;
  const std::string name = f.Create();
  EXPECT_EQ(f.State(name), JobState::kQueued);
  f.clock.Advance(absl::Seconds(2));
  EXPECT_THAT(f.store.Claim(5), ElementsAre(Field(&core::ClaimedJob::name, name)));
  EXPECT_EQ(f.State(name), JobState::kQueued) << "until it starts";
  f.store.OnStarted(name, {.seed = 7, .warnings = {{.reason = "PROMPT_TRUNCATED"}}});
  EXPECT_EQ(f.State(name), JobState::kRunning);
  f.clock.Advance(absl::Seconds(3));
  f.store.OnProgress(name, {.step = 1, .total_steps = 25});
  f.store.OnOutput(name, f.Picture(0, 100));
  f.store.OnCompleted(name, {.evaluations = 25});

  const core::Job job = f.store.Get(name).value();
  EXPECT_EQ(job.state, JobState::kCompleted);
  EXPECT_EQ(job.start_time, core::kTestNow + absl::Seconds(2));
  EXPECT_EQ(job.end_time, core::kTestNow + absl::Seconds(5));
  EXPECT_EQ(job.expire_time, core::kTestNow + absl::Seconds(5) + absl::Hours(1));
  EXPECT_EQ(job.usage->evaluations, 25);
  EXPECT_EQ(job.usage->queue_time, absl::Seconds(2));
  EXPECT_THAT(job.outputs, SizeIs(1));
  EXPECT_THAT(job.warnings, SizeIs(1));
  EXPECT_EQ(job.last_sequence, 6) << "queued, started, progress, output, its bytes, completed";
}

TEST(MemoryJobStoreTest, SnapshotStaysWhatItWas) {
  StoreFixture f;
  const std::string name = f.Create();
  const core::Job before = f.store.Get(name).value();
  f.store.Cancel(name, "CALLER").IgnoreError();
  EXPECT_EQ(before.state, JobState::kQueued);
}

TEST(MemoryJobStoreTest, UnknownJobsAreNotFound) {
  StoreFixture f;
  const std::string name = "jobs/none";
  EXPECT_EQ(f.store.Get(name).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(f.store.Cancel(name, "CALLER").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(f.store.Delete(name).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(f.store.GetOutput(name, 0).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(f.store.OpenWatch(name, 0, [] {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(core::GetErrorDetails(f.store.Get(name).status()).resource_name, name);
  f.store.OnProgress(name, {});
  f.store.OnCompleted(name, {});
}

TEST(MemoryJobStoreTest, SameRequestIdAndBodyGiveTheSameJob) {
  StoreFixture f({.max_queued_jobs = 1});
  const core::CreateOptions options{.request_id = "id", .request_fingerprint = "body"};
  const std::string name = f.store.Create(core::TestRequest(), options).value().name;
  EXPECT_EQ(f.store.Create(core::TestRequest(), options).value().name, name) << "though the queue is full";
  const absl::Status other =
      f.store.Create(core::TestRequest(), {.request_id = "id", .request_fingerprint = "another"}).status();
  EXPECT_EQ(other.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(core::GetErrorDetails(other).resource_name, name);
  EXPECT_THAT(f.store.Claim(9), SizeIs(1));
}

TEST(MemoryJobStoreTest, RequestIdIsFreeAgainWhenTheJobIsForgotten) {
  StoreFixture f;
  const core::CreateOptions options{.request_id = "id", .request_fingerprint = "body"};
  const std::string name = f.store.Create(core::TestRequest(), options).value().name;
  f.store.Cancel(name, "CALLER").IgnoreError();
  EXPECT_EQ(f.store.Create(core::TestRequest(), options).value().name, name) << "known after its end";
  EXPECT_TRUE(f.store.Delete(name).ok());
  EXPECT_NE(f.store.Create(core::TestRequest(), options).value().name, name);
}

TEST(MemoryJobStoreTest, RefusedRequestLeavesNothingBehind) {
  StoreFixture f({.max_queued_jobs = 1});
  f.Create();
  const absl::Status full =
      f.store.Create(core::TestRequest(), {.request_id = "id", .request_fingerprint = "body"}).status();
  EXPECT_EQ(full.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(f.ReasonOf(full), "QUEUE_FULL");
  EXPECT_GE(core::GetErrorDetails(full).retry_after, absl::Seconds(1));
  EXPECT_THAT(f.store.List({})->jobs, SizeIs(1));
  f.store.OnStarted(f.store.Claim(1)[0].name, {});
  EXPECT_TRUE(f.store.Create(core::TestRequest(), {.request_id = "id", .request_fingerprint = "other"}).ok());
}

TEST(MemoryJobStoreTest, PicturesThatWouldNotFitInMemoryAreRefused) {
  StoreFixture f({.max_pending_bytes = 200'000});
  core::RequestFields fields = core::TestFields();
  fields.num_images = 10;  // 3 × 64 × 64 × 10 bytes = 120 kB
  EXPECT_TRUE(f.store.Create(core::TestRequest(fields), {}).ok());
  EXPECT_EQ(f.ReasonOf(f.store.Create(core::TestRequest(fields), {}).status()), "QUEUE_FULL");
  fields.num_images = 20;
  EXPECT_EQ(f.ReasonOf(f.store.Create(core::TestRequest(fields), {}).status()), "JOB_TOO_LARGE");
}

TEST(MemoryJobStoreTest, DrainingStoreRefusesNewJobsAndFinishesTheOthers) {
  StoreFixture f;
  const std::string name = f.CreateRunning();
  f.store.Drain();
  EXPECT_EQ(f.ReasonOf(f.store.Create(core::TestRequest(), {}).status()), "DRAINING");
  f.store.OnCompleted(name, {});
  EXPECT_EQ(f.State(name), JobState::kCompleted);
}

TEST(MemoryJobStoreTest, WorkIsAnnouncedAndHandedOutInOrder) {
  StoreFixture f;
  FakeListener listener;
  f.store.SetListener(&listener);
  EXPECT_EQ(listener.work_available, 0);
  const std::string plain = f.Create();
  core::RequestFields fields = core::TestFields();
  fields.priority = 1;
  fields.timeout = absl::Seconds(30);
  const std::string urgent = f.Create(fields);
  EXPECT_EQ(listener.work_available, 2);
  const std::vector<core::ClaimedJob> jobs = f.store.Claim(9);
  ASSERT_THAT(jobs, SizeIs(2));
  EXPECT_EQ(jobs[0].name, urgent);
  EXPECT_EQ(jobs[1].name, plain);
  EXPECT_THAT(f.store.Claim(9), IsEmpty());
  f.store.SetListener(nullptr);
  f.Create();
  EXPECT_EQ(listener.work_available, 2);
}

TEST(MemoryJobStoreTest, NewListenerIsToldOfWorkThatWaits) {
  StoreFixture f;
  f.Create();
  FakeListener listener;
  f.store.SetListener(&listener);
  EXPECT_EQ(listener.work_available, 1);
}

TEST(MemoryJobStoreTest, CancelledJobEndsAtOnceAndItsRunnerIsNotHeard) {
  StoreFixture f;
  FakeListener listener;
  f.store.SetListener(&listener);
  const std::string name = f.CreateRunning();
  const core::Job job = f.store.Cancel(name, "CALLER").value();
  EXPECT_EQ(job.state, JobState::kCancelled);
  EXPECT_THAT(listener.ended, ElementsAre(name));
  f.store.OnProgress(name, {.step = 3});
  f.store.OnOutput(name, f.Picture(0, 10));
  f.store.OnCompleted(name, {});
  f.store.OnFailed(name, absl::InternalError("late"), {});
  EXPECT_EQ(f.State(name), JobState::kCancelled);
  EXPECT_EQ(f.store.Get(name)->last_sequence, job.last_sequence);
  EXPECT_THAT(f.store.Get(name)->outputs, IsEmpty());
}

TEST(MemoryJobStoreTest, CancelledWaitingJobIsNotHandedOut) {
  StoreFixture f;
  FakeListener listener;
  f.store.SetListener(&listener);
  const std::string name = f.Create();
  EXPECT_EQ(f.store.Cancel(name, "CALLER")->state, JobState::kCancelled);
  EXPECT_THAT(f.store.Claim(9), IsEmpty());
  EXPECT_THAT(listener.ended, IsEmpty()) << "nobody ran it";
}

TEST(MemoryJobStoreTest, CancelOfAnEndedJobChangesNothing) {
  StoreFixture f;
  const std::string name = f.CreateRunning();
  f.store.OnCompleted(name, {});
  EXPECT_EQ(f.store.Cancel(name, "CALLER")->state, JobState::kCompleted);
}

TEST(MemoryJobStoreTest, JobFailsWhenItsTimeIsOver) {
  StoreFixture f;
  FakeListener listener;
  f.store.SetListener(&listener);
  core::RequestFields fields = core::TestFields();
  fields.timeout = absl::Seconds(10);
  const std::string running = f.CreateRunning(fields);
  const std::string waiting = f.Create(fields);
  f.clock.Advance(absl::Seconds(9));
  EXPECT_EQ(f.State(running), JobState::kRunning);
  f.clock.Advance(absl::Seconds(1));
  for (const std::string& name : {running, waiting}) {
    const core::Job job = f.store.Get(name).value();
    EXPECT_EQ(job.state, JobState::kFailed);
    EXPECT_EQ(job.error.code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_EQ(job.end_time, core::kTestNow + absl::Seconds(10));
  }
  EXPECT_THAT(listener.ended, ElementsAre(running));
  EXPECT_THAT(f.store.Claim(9), IsEmpty());
}

TEST(MemoryJobStoreTest, FailedJobKeepsItsError) {
  StoreFixture f;
  const std::string name = f.CreateRunning();
  f.store.OnFailed(name, absl::InternalError("NaN"), {.evaluations = 3});
  EXPECT_EQ(f.State(name), JobState::kFailed);
  EXPECT_EQ(f.store.Get(name)->error, absl::InternalError("NaN"));
  EXPECT_EQ(f.store.Get(name)->usage->evaluations, 3);
}

TEST(MemoryJobStoreTest, CancelledJobSaysWhy) {
  StoreFixture f;
  const std::string name = f.Create();
  const absl::Status error = f.store.Cancel(name, "DRAINED")->error;
  EXPECT_EQ(error.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(core::GetErrorDetails(error).reason, "JOB_CANCELLED");
  EXPECT_EQ(core::GetErrorDetails(error).metadata.at("reason"), "DRAINED");
  EXPECT_EQ(core::GetErrorDetails(error).metadata.at("job"), name);
}

TEST(MemoryJobStoreTest, JobThatOthersEndHasItsUsageAndWhatWasUnderWay) {
  StoreFixture f;
  core::RequestFields fields = core::TestFields();
  fields.timeout = absl::Seconds(10);
  const std::string late = f.Create(fields);
  const std::string cancelled = f.Create();
  f.clock.Advance(absl::Seconds(2));
  for (const core::ClaimedJob& job : f.store.Claim(2)) {
    f.store.OnStarted(job.name, {});
    f.store.OnUsage(job.name, {.evaluations = 5});
  }
  EXPECT_EQ(f.store.Get(late)->usage->evaluations, 5) << "so far";
  f.clock.Advance(absl::Seconds(8));
  f.store.Cancel(cancelled, "CALLER").IgnoreError();
  for (const std::string& name : {late, cancelled}) {
    const auto watch = f.store.OpenWatch(name, f.store.Get(name)->last_sequence, [] {}).value();
    const core::Event event = watch->Next().value().value();
    const auto* const failed = std::get_if<core::Failed>(&event.kind);
    const core::Usage told = failed != nullptr ? failed->usage : std::get<core::Cancelled>(event.kind).usage;
    EXPECT_EQ(told.evaluations, 5);
    EXPECT_EQ(told.queue_time, absl::Seconds(2));
    f.store.OnUsage(name, {.evaluations = 6});
    EXPECT_EQ(f.store.Get(name)->usage->evaluations, 6);
    EXPECT_EQ(f.store.Get(name)->usage->queue_time, absl::Seconds(2));
  }
}

TEST(MemoryJobStoreTest, JobThatNeverRanHasWaitedUntilItsEnd) {
  StoreFixture f;
  const std::string name = f.Create();
  f.clock.Advance(absl::Seconds(3));
  EXPECT_EQ(f.store.Cancel(name, "CALLER")->usage->queue_time, absl::Seconds(3));
}

TEST(MemoryJobStoreTest, GiveUpAllEndsWhatWaitsAndWhatRunsHoweverMany) {
  StoreFixture f({.max_queued_jobs = 2000});
  FakeListener listener;
  f.store.SetListener(&listener);
  const std::string running = f.CreateRunning();
  const std::string completed = f.CreateRunning();
  f.store.OnCompleted(completed, {});
  std::vector<std::string> waiting;
  waiting.reserve(1500);
  for (int i = 0; i < 1500; ++i) waiting.push_back(f.Create());
  f.store.GiveUpAll("DRAINED");
  EXPECT_EQ(f.State(running), JobState::kCancelled);
  EXPECT_EQ(f.State(completed), JobState::kCompleted);
  for (const std::string& name : waiting) EXPECT_EQ(f.State(name), JobState::kCancelled);
  EXPECT_EQ(core::GetErrorDetails(f.store.Get(waiting[0])->error).metadata.at("reason"), "DRAINED");
  EXPECT_THAT(listener.ended, ElementsAre(running));
  EXPECT_THAT(f.store.Claim(9), IsEmpty());
}

TEST(MemoryJobStoreTest, OutputsAreThereWhenTheyAreReady) {
  StoreFixture f;
  core::RequestFields fields = core::TestFields();
  fields.num_images = 2;
  const std::string name = f.CreateRunning(fields);
  EXPECT_EQ(f.store.GetOutput(name, 0).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(f.store.GetOutput(name, 2).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(f.store.GetOutput(name, -1).status().code(), absl::StatusCode::kNotFound);
  const core::Output picture = f.Picture(1, 10);
  f.store.OnOutput(name, picture);
  EXPECT_EQ(f.store.GetOutput(name, 1)->data, picture.data) << "shared, not copied";
  f.store.OnFailed(name, absl::InternalError("broken"), {});
  EXPECT_EQ(f.store.GetOutput(name, 1)->data, picture.data);
  EXPECT_EQ(f.store.GetOutput(name, 0).status().code(), absl::StatusCode::kNotFound) << "it will not come any more";
}

TEST(MemoryJobStoreTest, OnlyEndedJobsAreDeleted) {
  StoreFixture f;
  const std::string name = f.Create();
  EXPECT_EQ(f.store.Delete(name).code(), absl::StatusCode::kFailedPrecondition);
  f.store.Cancel(name, "CALLER").IgnoreError();
  EXPECT_TRUE(f.store.Delete(name).ok());
  EXPECT_EQ(f.store.Get(name).status().code(), absl::StatusCode::kNotFound);
}

TEST(MemoryJobStoreTest, FinishedJobsAreForgottenAfterTheirTime) {
  StoreFixture f({.job_ttl = absl::Minutes(10)});
  const std::string name = f.CreateRunning();
  f.clock.Advance(absl::Hours(1));
  f.store.OnCompleted(name, {});
  f.clock.Advance(absl::Minutes(10) - absl::Seconds(1));
  EXPECT_TRUE(f.store.Get(name).ok());
  f.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(f.store.Get(name).status().code(), absl::StatusCode::kNotFound);
}

TEST(MemoryJobStoreTest, FinishedJobsMakeRoomForNewOutputs) {
  StoreFixture f({.job_bytes = 1'000'000});
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) {
    names.push_back(f.CreateRunning());
    f.store.OnOutput(names.back(), f.Picture(0, 400'000));
    f.store.OnCompleted(names.back(), {});
    f.clock.Advance(absl::Seconds(1));
  }
  EXPECT_FALSE(f.store.Get(names[2]).ok());
  EXPECT_TRUE(f.store.Get(names[3]).ok());
  EXPECT_TRUE(f.store.Get(names[4]).ok());
}

TEST(MemoryJobStoreTest, NumberOfFinishedJobsIsBounded) {
  StoreFixture f({.max_finished_jobs = 3});
  for (int i = 0; i < 10; ++i) f.store.Cancel(f.Create(), "CALLER").IgnoreError();
  f.clock.Advance(absl::ZeroDuration());
  EXPECT_THAT(f.store.List({})->jobs, SizeIs(3));
}

TEST(MemoryJobStoreTest, ObserverSeesEachStepOfAJob) {
  ::testing::StrictMock<MockObserver> observer;
  StoreFixture f({.observer = &observer, .max_queued_jobs = 1});
  const int64_t work = PixelSteps(*core::TestRequest());
  const ::testing::InSequence order;
  EXPECT_CALL(observer, OnQueuedWork("pictograms", 1, work));
  EXPECT_CALL(observer, OnJobAdmitted("pictograms"));
  const std::string ran = f.Create();
  EXPECT_CALL(observer, OnJobRefused("QUEUE_FULL"));
  f.store.Create(core::TestRequest(), {}).IgnoreError();
  f.clock.Advance(absl::Seconds(2));
  EXPECT_CALL(observer, OnQueuedWork("pictograms", 0, 0));
  EXPECT_CALL(observer, OnJobStarted("pictograms", absl::Seconds(2)));
  f.store.OnStarted(ran, {});
  f.clock.Advance(absl::Seconds(3));
  EXPECT_CALL(observer, OnJobEnded("pictograms", JobState::kRunning, JobState::kCompleted, absl::Seconds(5)));
  f.store.OnCompleted(ran, {});
  EXPECT_CALL(observer, OnQueuedWork("pictograms", 1, work));
  EXPECT_CALL(observer, OnJobAdmitted("pictograms"));
  EXPECT_CALL(observer, OnQueuedWork("pictograms", 0, 0));
  EXPECT_CALL(observer, OnJobEnded("pictograms", JobState::kQueued, JobState::kCancelled, absl::ZeroDuration()));
  f.store.Cancel(f.Create(), "CALLER").IgnoreError();
}

TEST(MemoryJobStoreTest, NamesComeFromTheGivenSource) {
  uint64_t counter = 0;
  StoreFixture f({.random = [&] { return ++counter; }});
  EXPECT_EQ(f.Create(), "jobs/00000000-0000-4001-8000-000000000002");
  counter = 0;
  EXPECT_EQ(f.Create(), "jobs/00000000-0000-4003-8000-000000000004") << "drawn again, since the first is taken";
}

}  // namespace
}  // namespace latentd::store
