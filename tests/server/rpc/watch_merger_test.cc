#include "server/rpc/watch_merger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "server/store/memory_job_store.h"
#include "tests/server/core/fake_clock.h"
#include "tests/server/core/test_requests.h"

namespace latentd::rpc {
namespace {

class WatchMergerTest : public testing::Test {
 protected:
  std::string NewJob() { return store_.Create(core::TestRequest(), {}).value().name; }

  std::vector<WatchMerger::Item> ReadAll() {
    std::vector<WatchMerger::Item> items;
    while (auto item = merger_->Next().value()) items.push_back(*std::move(item));
    return items;
  }

  core::FakeClock clock_;
  store::MemoryJobStore store_{{.clock = &clock_}};
  int called_ = 0;
  std::unique_ptr<WatchMerger> merger_ = std::make_unique<WatchMerger>([this] { ++called_; });
};

TEST_F(WatchMergerTest, JobsTakeTurns) {
  std::vector<std::string> jobs;
  for (int i = 0; i < 3; ++i) jobs.push_back(NewJob());
  for (const core::ClaimedJob& job : store_.Claim(3)) {
    store_.OnStarted(job.name, {});
    for (int output = 0; output < 5; ++output) store_.OnProgress(job.name, {.output_index = output, .step = 1});
  }
  for (const std::string& job : jobs) ASSERT_TRUE(merger_->Open(store_, job, 0).ok());
  const std::vector<WatchMerger::Item> items = ReadAll();
  ASSERT_GE(items.size(), 3u * 7);  // two jobs also moved up in the queue
  for (size_t round = 0; round < 7; ++round) {
    std::set<std::string> heard;
    for (size_t i = 0; i < 3; ++i) heard.insert(items[3 * round + i].job);
    EXPECT_EQ(heard.size(), 3u) << "round " << round;
  }
}

TEST_F(WatchMergerTest, ReadyIsCalledOnceUntilTheNextRead) {
  const std::string first = NewJob(), second = NewJob();
  ASSERT_TRUE(merger_->Open(store_, first, 0).ok());
  ASSERT_TRUE(merger_->Open(store_, second, 0).ok());
  ReadAll();
  EXPECT_EQ(called_, 0);
  for (const core::ClaimedJob& job : store_.Claim(2)) store_.OnStarted(job.name, {});
  EXPECT_EQ(called_, 1);
  EXPECT_GE(ReadAll().size(), 2u);
  store_.OnProgress(second, {.step = 1});
  EXPECT_EQ(called_, 2);
  EXPECT_EQ(ReadAll().size(), 1u);
}

TEST_F(WatchMergerTest, EndsWithTheLastTerminalEvent) {
  const std::string first = NewJob(), second = NewJob();
  ASSERT_TRUE(merger_->Open(store_, first, 0).ok());
  ASSERT_TRUE(merger_->Open(store_, second, 0).ok());
  ASSERT_TRUE(store_.Cancel(first, "CALLER").ok());
  ReadAll();
  EXPECT_FALSE(merger_->ended());
  ASSERT_TRUE(store_.Cancel(second, "CALLER").ok());
  ReadAll();
  EXPECT_TRUE(merger_->ended());
}

TEST_F(WatchMergerTest, UnknownJobsAreNotFound) {
  EXPECT_EQ(merger_->Open(store_, "jobs/none", 0).code(), absl::StatusCode::kNotFound);
}

TEST_F(WatchMergerTest, ADeletedJobIsNotFoundForThoseWhoReadIt) {
  const std::string job = NewJob();
  ASSERT_TRUE(merger_->Open(store_, job, 0).ok());
  ReadAll();
  ASSERT_TRUE(store_.Cancel(job, "CALLER").ok());
  ASSERT_TRUE(store_.Delete(job).ok());
  EXPECT_EQ(merger_->Next().status().code(), absl::StatusCode::kNotFound);
}

TEST_F(WatchMergerTest, NothingComesAfterItsEnd) {
  const std::string job = NewJob();
  ASSERT_TRUE(merger_->Open(store_, job, 0).ok());
  ReadAll();
  merger_ = nullptr;
  ASSERT_TRUE(store_.Cancel(job, "CALLER").ok());
  EXPECT_EQ(called_, 0);
}

}  // namespace
}  // namespace latentd::rpc
