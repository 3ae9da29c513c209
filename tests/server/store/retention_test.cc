#include "server/store/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/server/store/test_records.h"

namespace latentd::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RetentionTest : public ::testing::Test {
 protected:
  static absl::Time At(int seconds) { return core::kTestNow + absl::Seconds(seconds); }

  // A job that ended at this second; its serial is the second.
  std::shared_ptr<JobRecord> End(Retention& retention, int second,
                                 const core::RequestFields& fields = core::TestFields(),
                                 const std::string& tenant = "") {
    auto record = TestRecord(second, fields);
    record->options.tenant = tenant;
    record->end_time = At(second);
    retention.OnEnded(record.get());
    records_.push_back(record);
    return record;
  }

  // A tenant's job that ended at this second, with so many bytes.
  std::shared_ptr<JobRecord> EndOf(Retention& retention, const std::string& tenant, int second, int64_t bytes) {
    retention.AddBytes(tenant, bytes);
    return End(retention, second, core::TestFields(), tenant);
  }

  // Removes what is not to be kept at this second, `bytes` for each.
  static std::vector<int64_t> Forget(Retention& retention, int second, int64_t bytes = 0) {
    std::vector<int64_t> serials;
    while (JobRecord* record = retention.NextToForget(At(second))) {
      serials.push_back(record->serial);
      retention.OnRemoved(record);
      retention.AddBytes(record->options.tenant, -bytes);
    }
    return serials;
  }

  std::vector<std::shared_ptr<JobRecord>> records_;
};

const RetentionLimits kLimits{.ttl = absl::Seconds(100), .bytes = 1000, .max_finished = 10};

TEST_F(RetentionTest, JobsAreForgottenWhenTheirTimeIsOver) {
  Retention retention(kLimits);
  EXPECT_EQ(retention.NextTime(At(0)), absl::InfiniteFuture());
  EXPECT_EQ(End(retention, 1)->expire_time, At(101));
  End(retention, 5);
  EXPECT_THAT(Forget(retention, 100), IsEmpty());
  EXPECT_EQ(retention.NextTime(At(100)), At(101));
  EXPECT_THAT(Forget(retention, 101), ElementsAre(1));
  EXPECT_EQ(retention.NextTime(At(101)), At(105));
  EXPECT_THAT(Forget(retention, 105), ElementsAre(5));
}

TEST_F(RetentionTest, CallersMayAskForLessTimeButNotForMore) {
  Retention retention(kLimits);
  core::RequestFields fields = core::TestFields();
  fields.expire_time = At(7);
  EXPECT_EQ(End(retention, 1, fields)->expire_time, At(7));
  EXPECT_EQ(End(retention, 9, fields)->expire_time, At(9)) << "over before the end";
  fields.expire_time = At(10'000);
  EXPECT_EQ(End(retention, 10, fields)->expire_time, At(110));
}

TEST_F(RetentionTest, OldestMakeRoomWhenThereAreTooManyBytes) {
  Retention retention(kLimits);
  for (int i = 1; i <= 5; ++i) {
    retention.AddBytes("", 400);
    End(retention, i);
  }
  EXPECT_THAT(Forget(retention, 6, 400), ElementsAre(1, 2, 3));
}

TEST_F(RetentionTest, RunningJobsCountToo) {
  Retention retention(kLimits);
  retention.AddBytes("", 400);
  End(retention, 1);
  End(retention, 2);
  retention.AddBytes("", 700);
  EXPECT_THAT(Forget(retention, 3, 400), ElementsAre(1));
}

TEST_F(RetentionTest, OldestMakeRoomWhenThereAreTooMany) {
  Retention retention(kLimits);
  for (int i = 1; i <= 12; ++i) End(retention, i);
  EXPECT_THAT(Forget(retention, 13), ElementsAre(1, 2));
}

TEST_F(RetentionTest, JobThatEndedLastStaysHoweverLargeItIs) {
  Retention retention(kLimits);
  retention.AddBytes("", 5000);
  End(retention, 1);
  EXPECT_THAT(Forget(retention, 2), IsEmpty());
  EXPECT_EQ(retention.NextTime(At(2)), At(101));
  EXPECT_THAT(Forget(retention, 101), ElementsAre(1));
}

TEST_F(RetentionTest, JobThatIsBeingReadStaysForAMinute) {
  Retention retention(kLimits);
  retention.AddBytes("", 5000);
  End(retention, 1)->watchers.push_back(std::make_shared<Watcher>());
  End(retention, 2);
  End(retention, 3);
  EXPECT_THAT(Forget(retention, 4), ElementsAre(2)) << "the oldest that nobody reads";
  EXPECT_EQ(retention.NextTime(At(4)), At(1) + Retention::kReaderGrace);
  EXPECT_THAT(Forget(retention, 61), ElementsAre(1));
}

TEST_F(RetentionTest, JobThatWasReadToItsEndNeedNotStay) {
  Retention retention(kLimits);
  retention.AddBytes("", 5000);
  const auto read = End(retention, 1);
  read->watchers.push_back(std::make_shared<Watcher>());
  End(retention, 2);
  EXPECT_THAT(Forget(retention, 4), IsEmpty());
  read->watchers.clear();
  EXPECT_THAT(Forget(retention, 4), ElementsAre(1));
}

TEST_F(RetentionTest, ExpiredJobThatIsBeingReadIsLookedAtAgain) {
  Retention retention({.ttl = absl::Seconds(10), .bytes = 1000, .max_finished = 10});
  End(retention, 1)->watchers.push_back(std::make_shared<Watcher>());
  EXPECT_THAT(Forget(retention, 11), IsEmpty());
  EXPECT_EQ(retention.NextTime(At(11)), At(61));
  EXPECT_THAT(Forget(retention, 61), ElementsAre(1));
}

TEST_F(RetentionTest, TheTenantThatHoldsTheMostMakesRoom) {
  Retention retention(kLimits);
  EndOf(retention, "small", 1, 200);
  for (int i = 2; i <= 6; ++i) EndOf(retention, "large", i, 200);
  EXPECT_THAT(Forget(retention, 7, 200), ElementsAre(2)) << "1,200 bytes were there";
  EndOf(retention, "small", 8, 200);
  EXPECT_THAT(Forget(retention, 9, 200), ElementsAre(3)) << "large has 800, small 400";
}

TEST_F(RetentionTest, TheTenantWithTheMostJobsMakesRoomWhenThereAreTooMany) {
  Retention retention(kLimits);
  EndOf(retention, "large", 1, 900);
  for (int i = 2; i <= 11; ++i) EndOf(retention, "many", i, 1);
  EXPECT_THAT(Forget(retention, 12, 1), ElementsAre(2));
}

TEST_F(RetentionTest, NobodyWithinAnEqualShareMakesRoomForWhatCannotGo) {
  Retention retention(kLimits);
  EndOf(retention, "small", 1, 100);
  retention.AddBytes("running", 3000);
  EndOf(retention, "read", 2, 500)->watchers.push_back(std::make_shared<Watcher>());
  EndOf(retention, "small", 3, 100);
  EXPECT_THAT(Forget(retention, 4, 100), IsEmpty()) << "running has no finished job, read's is being read";
  EXPECT_EQ(retention.NextTime(At(4)), At(2) + Retention::kReaderGrace);
  EXPECT_THAT(Forget(retention, 62, 500), ElementsAre(2));
  EXPECT_EQ(retention.NextTime(At(62)), At(101));
}

TEST_F(RetentionTest, JobsAreCountedAlsoWhereBytesCannotBeMade) {
  Retention retention(kLimits);
  retention.AddBytes("running", 3000);
  for (int i = 1; i <= 12; ++i) EndOf(retention, "many", i, 1);
  EXPECT_THAT(Forget(retention, 13, 1), ElementsAre(1, 2));
}

TEST_F(RetentionTest, WhoEndedLastIsOfAllTenants) {
  Retention retention(kLimits);
  EndOf(retention, "a", 1, 800);
  EndOf(retention, "b", 2, 900);
  EXPECT_THAT(Forget(retention, 3, 800), ElementsAre(1)) << "though b holds more: its job is the youngest";
}

}  // namespace
}  // namespace latentd::store
