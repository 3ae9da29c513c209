#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/store/memory_job_store.h"
#include "tests/server/store/store_fixture.h"

namespace latentd::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MemoryJobStoreWatchTest : public ::testing::Test, public StoreFixture {
 protected:
  std::unique_ptr<core::Watch> Open(const std::string& name, int64_t after = 0) {
    return store.OpenWatch(name, after, [this] { ++notices_; }).value();
  }

  int notices_ = 0;
};

TEST_F(MemoryJobStoreWatchTest, ReadsWhatIsThereAndThenWaits) {
  const std::string name = CreateRunning();
  const auto watch = Open(name);
  EXPECT_THAT(ReadAll(*watch), ElementsAre("queued 0", "started"));
  EXPECT_EQ(notices_, 0) << "not told of what was there already";
  store.OnProgress(name, {.step = 1});
  EXPECT_EQ(notices_, 1);
  EXPECT_THAT(ReadAll(*watch), ElementsAre("progress 1"));
}

TEST_F(MemoryJobStoreWatchTest, OneNoticeBetweenTwoReads) {
  const std::string name = CreateRunning();
  const auto watch = Open(name);
  store.OnProgress(name, {.step = 1});
  EXPECT_EQ(notices_, 0) << "not before it was told that there is nothing";
  ReadAll(*watch);
  for (int step = 2; step <= 9; ++step) store.OnProgress(name, {.step = step});
  EXPECT_EQ(notices_, 1);
  EXPECT_THAT(ReadAll(*watch), ElementsAre("progress 9")) << "a slow reader gets the newest";
  store.OnCompleted(name, {});
  EXPECT_EQ(notices_, 2);
}

TEST_F(MemoryJobStoreWatchTest, EndsWithTheTerminalEvent) {
  const std::string name = CreateRunning();
  const auto watch = Open(name);
  store.OnOutput(name, Picture(0, 10));
  store.OnCompleted(name, {});
  EXPECT_THAT(ReadAll(*watch), ElementsAre("queued 0", "started", "output 0", "chunk 0", "completed"));
  EXPECT_FALSE(watch->Next().value().has_value());
  EXPECT_EQ(notices_, 0);
}

TEST_F(MemoryJobStoreWatchTest, ResumesAfterAPlace) {
  const std::string name = CreateRunning();
  store.OnOutput(name, Picture(0, 10));
  store.OnCompleted(name, {});
  EXPECT_THAT(ReadAll(*Open(name, 2)), ElementsAre("output 0", "chunk 0", "completed"));
  EXPECT_THAT(ReadAll(*Open(name, 4)), ElementsAre("completed"));
}

TEST_F(MemoryJobStoreWatchTest, EveryReaderOfAnEndedJobSeesItsEnd) {
  const std::string name = CreateRunning();
  store.OnCompleted(name, {});
  EXPECT_THAT(ReadAll(*Open(name, 3)), ElementsAre("completed"));
  EXPECT_THAT(ReadAll(*Open(name, 1000)), ElementsAre("completed"));
}

TEST_F(MemoryJobStoreWatchTest, PlacePastTheEndIsTheEnd) {
  const std::string name = CreateRunning();
  const auto watch = Open(name, 1000);
  EXPECT_THAT(ReadAll(*watch), IsEmpty());
  store.OnCompleted(name, {});
  EXPECT_EQ(notices_, 1);
  EXPECT_THAT(ReadAll(*watch), ElementsAre("completed"));
}

TEST_F(MemoryJobStoreWatchTest, CancelAndTimeoutReachTheReader) {
  core::RequestFields fields = core::TestFields();
  fields.timeout = absl::Seconds(5);
  const std::string slow = CreateRunning(fields);
  const std::string cancelled = CreateRunning();
  const auto slow_watch = Open(slow);
  const auto cancelled_watch = Open(cancelled);
  ReadAll(*slow_watch);
  ReadAll(*cancelled_watch);
  store.Cancel(cancelled, "CALLER_GONE").IgnoreError();
  EXPECT_EQ(notices_, 1);
  EXPECT_THAT(ReadAll(*cancelled_watch), ElementsAre("cancelled CALLER_GONE"));
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(notices_, 2);
  EXPECT_THAT(ReadAll(*slow_watch), ElementsAre("failed"));
}

TEST_F(MemoryJobStoreWatchTest, ReaderOfAForgottenJobIsTold) {
  const std::string name = CreateRunning();
  const auto watch = Open(name);
  store.OnCompleted(name, {});
  EXPECT_TRUE(watch->Next().ok());
  EXPECT_TRUE(store.Delete(name).ok());
  const absl::Status forgotten = watch->Next().status();
  EXPECT_EQ(forgotten.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(core::GetErrorDetails(forgotten).resource_name, name);
}

TEST_F(MemoryJobStoreWatchTest, ReaderMayKeepAJobForAMinute) {
  MemoryJobStore small({.clock = &clock, .job_bytes = 10});
  const std::string name = small.Create(core::TestRequest(), {}).value().name;
  const auto watch = small.OpenWatch(name, 0, [] {}).value();
  small.Cancel(name, "CALLER").IgnoreError();
  for (int i = 0; i < 3; ++i) {
    small.Cancel(small.Create(core::TestRequest(), {}).value().name, "CALLER").IgnoreError();
  }
  clock.Advance(absl::ZeroDuration());
  EXPECT_THAT(ReadAll(*watch), ElementsAre("queued 0", "cancelled CALLER"));
  EXPECT_TRUE(small.Get(name).ok());
  clock.Advance(absl::ZeroDuration());
  EXPECT_FALSE(small.Get(name).ok()) << "read to its end, so it makes room";

  const std::string other = small.Create(core::TestRequest(), {}).value().name;
  const auto sleeper = small.OpenWatch(other, 0, [] {}).value();
  small.Cancel(other, "CALLER").IgnoreError();
  small.Cancel(small.Create(core::TestRequest(), {}).value().name, "CALLER").IgnoreError();
  clock.Advance(absl::Minutes(1) - absl::Seconds(1));
  EXPECT_TRUE(small.Get(other).ok());
  clock.Advance(absl::Seconds(1));
  EXPECT_FALSE(small.Get(other).ok()) << "whoever never reads keeps nothing for ever";
  EXPECT_EQ(sleeper->Next().status().code(), absl::StatusCode::kNotFound);
}

TEST_F(MemoryJobStoreWatchTest, ClosedWatchIsNotNotified) {
  const std::string name = CreateRunning();
  auto watch = Open(name);
  ReadAll(*watch);
  watch.reset();
  store.OnProgress(name, {.step = 1});
  EXPECT_EQ(notices_, 0);
}

TEST_F(MemoryJobStoreWatchTest, MayBeReadAndDestroyedInsideItsOwnNotice) {
  const std::string name = CreateRunning();
  std::unique_ptr<core::Watch> watch;
  std::vector<std::string> events;
  watch = store
              .OpenWatch(name, 0,
                         [&] {
                           for (const std::string& event : ReadAll(*watch)) events.push_back(event);
                           if (events.back() == "completed") watch.reset();
                         })
              .value();
  ReadAll(*watch);
  store.OnProgress(name, {.step = 1});
  store.OnCompleted(name, {});
  EXPECT_THAT(events, ElementsAre("progress 1", "completed"));
  EXPECT_EQ(watch, nullptr);
}

TEST_F(MemoryJobStoreWatchTest, WaitingJobsAreToldTheirPositions) {
  const std::string first = Create();
  const std::string second = Create();
  const std::string third = Create();
  const auto watch = Open(third);
  EXPECT_THAT(ReadAll(*watch), ElementsAre("queued 2"));
  store.OnStarted(first, {});
  EXPECT_EQ(notices_, 1);
  EXPECT_THAT(ReadAll(*watch), ElementsAre("queued 1"));
  store.Cancel(second, "CALLER").IgnoreError();
  EXPECT_THAT(ReadAll(*watch), ElementsAre("queued 0"));
  core::RequestFields fields = core::TestFields();
  fields.priority = 5;
  Create(fields);
  EXPECT_THAT(ReadAll(*watch), ElementsAre("queued 1")) << "somebody more urgent came";
  EXPECT_THAT(ReadAll(*Open(third)), ElementsAre("queued 2", "queued 1"));
}

TEST_F(MemoryJobStoreWatchTest, WaitIsEstimatedFromJobsThatRan) {
  const auto eta = [this](const std::string& name) {
    return std::get<core::Queued>(Open(name)->Next().value()->kind).eta;
  };
  const std::string first = CreateRunning();
  EXPECT_EQ(eta(Create()), std::nullopt) << "nothing to estimate from";
  clock.Advance(absl::Seconds(4));
  store.OnCompleted(first, {});
  CreateRunning();
  EXPECT_EQ(eta(Create()), absl::Seconds(8)) << "two places of four seconds, one job at a time";
}

}  // namespace
}  // namespace latentd::store
