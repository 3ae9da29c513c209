#include "server/store/waiting_line.h"

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

class WaitingLineTest : public ::testing::Test {
 protected:
  JobRecord* Add(int64_t serial, int priority = 0, const std::string& tenant = "", double weight = 1) {
    core::RequestFields fields = core::TestFields();
    fields.priority = priority;
    records_.push_back(TestRecord(serial, fields));
    records_.back()->options.tenant = tenant;
    records_.back()->weight = weight;
    records_.back()->pixel_steps = 100 * serial;
    line_.Add(records_.back().get());
    return records_.back().get();
  }

  std::vector<int64_t> Claim(int limit) {
    std::vector<int64_t> serials;
    for (const JobRecord* record : line_.Claim(limit)) serials.push_back(record->serial);
    return serials;
  }

  // As the store does: tells everybody, and gives how many there were.
  size_t TellMoved() {
    const auto moved = line_.Moved();
    for (const auto& [record, position] : moved) {
      EXPECT_EQ(position, line_.Position(record));
      record->told_position = position;
    }
    return moved.size();
  }

  std::vector<std::shared_ptr<JobRecord>> records_;
  int64_t jobs_ = 0;  // the latest word
  int64_t work_ = 0;
  WaitingLine line_{absl::Seconds(10), [this](const std::string&, int64_t jobs, int64_t pixel_steps) {
                      jobs_ = jobs;
                      work_ = pixel_steps;
                    }};
};

TEST_F(WaitingLineTest, EqualsGoByArrival) {
  for (int i = 1; i <= 3; ++i) Add(i);
  EXPECT_THAT(Claim(2), ElementsAre(1, 2));
  EXPECT_THAT(Claim(2), ElementsAre(3)) << "each is handed out once";
  EXPECT_FALSE(line_.has_unclaimed());
}

TEST_F(WaitingLineTest, TellsTheWorkThatWaits) {
  const JobRecord* first = Add(1);
  const JobRecord* second = Add(2);
  EXPECT_EQ(work_, 300);
  Claim(1);
  EXPECT_EQ(work_, 300) << "a claimed job waits until it starts";
  line_.Remove(first);
  EXPECT_EQ(work_, 200);
  line_.Remove(first);
  EXPECT_EQ(work_, 200) << "it is counted once";
  EXPECT_EQ(jobs_, 1);
  line_.Remove(second);
  EXPECT_EQ(work_, 0);
}

TEST_F(WaitingLineTest, UrgentJobsGoFirst) {
  Add(1, 0);
  Add(2, -1);
  Add(3, 1);
  EXPECT_THAT(Claim(3), ElementsAre(3, 1, 2));
}

TEST_F(WaitingLineTest, WaitingRaisesPriority) {
  Add(1, 0);
  Add(20, 2);  // came 19 s later, and is two levels of 10 s more urgent
  Add(22, 2);
  EXPECT_THAT(Claim(3), ElementsAre(20, 1, 22));
}

TEST_F(WaitingLineTest, ClaimedJobsKeepTheirPlaceUntilTheyAreRemoved) {
  JobRecord* first = Add(1);
  JobRecord* second = Add(2);
  Claim(1);
  EXPECT_EQ(line_.Position(second), 1);
  line_.Remove(first);
  EXPECT_EQ(line_.Position(second), 0);
}

TEST_F(WaitingLineTest, RemovedJobsAreNotHandedOut) {
  line_.Remove(Add(1));
  EXPECT_THAT(Claim(9), IsEmpty());
  line_.Remove(records_[0].get());
}

TEST_F(WaitingLineTest, ThoseWhoMovedAreNamed) {
  for (int i = 1; i <= 3; ++i) Add(i);
  EXPECT_EQ(TellMoved(), 3);
  EXPECT_EQ(TellMoved(), 0) << "nobody moved";
  line_.Remove(records_[1].get());
  EXPECT_THAT(line_.Moved(), ElementsAre(std::pair(records_[2].get(), 1)));
}

// Serials in the order of the positions that all are told.
std::vector<int64_t> Order(WaitingLine& line) {
  std::vector<int64_t> order;
  for (const auto& [record, position] : line.Moved()) {
    EXPECT_EQ(position, line.Position(record));
    EXPECT_EQ(position, static_cast<int>(order.size()));
    order.push_back(record->serial);
  }
  return order;
}

TEST_F(WaitingLineTest, TenantsTakeTurns) {
  for (int i = 1; i <= 4; ++i) Add(i, 0, "many");
  Add(5, 0, "few");
  Add(6, 0, "few");
  EXPECT_THAT(Order(line_), ElementsAre(1, 5, 2, 6, 3, 4));
}

TEST_F(WaitingLineTest, HeavierTenantsHaveMoreTurns) {
  for (int i = 1; i <= 4; ++i) Add(i, 0, "light");
  for (int i = 5; i <= 8; ++i) Add(i, 0, "heavy", 3);
  EXPECT_THAT(Order(line_), ElementsAre(5, 6, 1, 7, 8, 2, 3, 4));
}

TEST_F(WaitingLineTest, PriorityPassesNobodyElsesJobs) {
  Add(1, 0, "a");
  Add(2, 0, "b");
  Add(3, 9, "b");
  EXPECT_THAT(Order(line_), ElementsAre(3, 1, 2));
  Add(4, 9, "b");
  EXPECT_EQ(line_.Position(records_[0].get()), 1);
}

TEST_F(WaitingLineTest, FarPositionsAreToldInCoarseSteps) {
  const int near = WaitingLine::kNearFront;
  for (int i = 1; i <= 4 * near; ++i) Add(i);
  size_t told = 0;
  int whole_line = 0;
  for (int change = 0; change < near; ++change) {
    const size_t now = TellMoved();
    told += now;
    whole_line += now > static_cast<size_t>(near) ? 1 : 0;
    line_.Remove(records_[change].get());
  }
  EXPECT_EQ(whole_line, 1) << "the far ones once";
  EXPECT_LE(told, static_cast<size_t>(near * near + 4 * near));
}

}  // namespace
}  // namespace latentd::store
